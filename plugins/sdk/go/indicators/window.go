package indicators

import "fmt"

// room is how many values a new window makes room for at most. A longer one grows as it is filled, so that a length far
// beyond the data costs no memory.
const room = 1 << 16

// part is what the values of a part of a series have in common.
type part[T any] interface {
	// join returns this part and the one right behind it as one.
	join(newer T) T
}

// window is the last values of a series, a fixed number of them, joined to one.
//
// It never takes a value away from what it was joined to. The series is cut into blocks as long as the window; a window is
// then the end of one block and the beginning of the next (van Herk 1992, Gil and Werman 1993).
type window[T part[T]] struct {
	length int
	// parts has in front of filled the values of the current block, from there on the ends of the block before it: at each
	// place the join of its values from there on. It is shorter while there is no block before.
	parts  []T
	filled int
	// beginning is the join of the current block, if filled is above 0.
	beginning T
}

func newWindow[T part[T]](length int) window[T] {
	checkWindow(length)
	return window[T]{length: length, parts: make([]T, 0, min(length, room))}
}

// push adds a value, and returns the join of the last ones if the window is full.
func (w *window[T]) push(value T) (joined T, full bool) {
	if w.filled == len(w.parts) {
		w.parts = append(w.parts, value)
	} else {
		w.parts[w.filled] = value
	}
	if w.filled == 0 {
		w.beginning = value
	} else {
		w.beginning = w.beginning.join(value)
	}
	w.filled++
	if w.filled == w.length {
		w.turn()
		return w.beginning, true
	}
	if w.filled == len(w.parts) {
		return joined, false
	}
	return w.parts[w.filled].join(w.beginning), true
}

// turn makes the block that is complete one of ends, and begins the next.
func (w *window[T]) turn() {
	for t := len(w.parts) - 1; t > 0; t-- {
		w.parts[t-1] = w.parts[t-1].join(w.parts[t])
	}
	w.filled = 0
}

// clear forgets all values.
func (w *window[T]) clear() {
	w.parts = w.parts[:0]
	w.filled = 0
}

// checkWindow panics unless there is something in a window of so many bars.
func checkWindow(length int) {
	if length < 1 {
		panic(fmt.Sprintf("a window of %d bars has nothing to compute from; give at least 1", length))
	}
}
