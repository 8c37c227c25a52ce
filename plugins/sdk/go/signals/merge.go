package signals

import (
	"cmp"
	"container/heap"
	"math"
)

// merged returns the same entries by the time of their bars, then by run; a run stays in its order. times has the times
// of each instrument's bars.
func (t *Targets) merged(times [][]int64) *Targets {
	if len(t.runs) < 2 {
		return t
	}
	var heads heads
	for run, entry := range t.runs {
		if entry < t.end(run) {
			heads = append(heads, head{t.time(entry, times), run, entry})
		}
	}
	heap.Init(&heads)
	merged := NewTargets(t.instruments, len(t.at))
	for len(heads) > 0 {
		first := &heads[0]
		merged.Set(int(t.at[first.entry]), int(t.instrument[first.entry]), t.exposure[first.entry])
		first.entry++
		if first.entry == t.end(first.run) {
			heap.Pop(&heads)
		} else {
			first.time = t.time(first.entry, times)
			heap.Fix(&heads, 0)
		}
	}
	return merged
}

// end returns the entry behind the last one of a run.
func (t *Targets) end(run int) int {
	if run+1 < len(t.runs) {
		return t.runs[run+1]
	}
	return len(t.at)
}

// time returns the time of an entry's bar. A bar that does not exist comes last; the host says what is wrong with it.
func (t *Targets) time(entry int, times [][]int64) int64 {
	instrument, at := int(t.instrument[entry]), int(t.at[entry])
	if instrument >= len(times) || at >= len(times[instrument]) {
		return math.MaxInt64
	}
	return times[instrument][at]
}

// head is the next entry of a run.
type head struct {
	time  int64
	run   int
	entry int
}

// heads is a heap, by time and then by run.
type heads []head

func (h heads) Len() int { return len(h) }

func (h heads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].time, h[j].time), cmp.Compare(h[i].run, h[j].run)) < 0
}

func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *heads) Push(entry any) { *h = append(*h, entry.(head)) }

func (h *heads) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	*h = (*h)[:last]
	return popped
}
