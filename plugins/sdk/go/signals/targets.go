package signals

import "fmt"

// Targets are target exposures, with room for one at each bar of each instrument.
//
// Write instrument by instrument through Instrument; the answer is then sorted by the time of the bars.
type Targets struct {
	at         []uint32
	instrument []uint32
	exposure   []float64
	// instruments is how many the data has.
	instruments int
	// runs has the first entry of each run that Instrument began.
	runs []int
}

// NewTargets returns an empty answer for a data set of so many instruments, with room for capacity entries. A strategy is
// handed one; this is for tests.
func NewTargets(instruments, capacity int) *Targets {
	return &Targets{
		at:          make([]uint32, 0, capacity),
		instrument:  make([]uint32, 0, capacity),
		exposure:    make([]float64, 0, capacity),
		instruments: instruments,
	}
}

// Share is the share of equity that each instrument gets when all get the same: 1 where there is only one.
func (t *Targets) Share() float64 {
	return 1 / float64(max(t.instruments, 1))
}

// Instrument begins the targets of an instrument, which holds nothing so far. It panics if the data has no such
// instrument.
func (t *Targets) Instrument(instrument int) *Position {
	if instrument < 0 || instrument >= t.instruments {
		panic(fmt.Sprintf("the data has no instrument %d, only %d", instrument, t.instruments))
	}
	if len(t.runs) == 0 && len(t.at) > 0 {
		// What was set before the first instrument began is a run, too.
		t.runs = append(t.runs, 0)
	}
	t.runs = append(t.runs, len(t.at))
	return &Position{targets: t, instrument: instrument}
}

// Set writes one entry as it is: from bar at on, hold exposure of equity in instrument.
//
// Entries written this way alone are not sorted; they must come in the order of the time of their bars. It panics if
// there is no room left, which cannot be with one entry for each bar of each instrument.
func (t *Targets) Set(at, instrument int, exposure float64) {
	if len(t.at) == cap(t.at) {
		panic(fmt.Sprintf("there is no room for more than %d targets: write at most one for each bar of each instrument",
			cap(t.at)))
	}
	t.at = append(t.at, uint32(at))
	t.instrument = append(t.instrument, uint32(instrument))
	t.exposure = append(t.exposure, exposure)
}

// Position is what is held of one instrument while its targets are written, bar by bar.
type Position struct {
	targets    *Targets
	instrument int
	held       float64
}

// Hold holds exposure of equity from bar at on: 1 is fully long, 0 flat, -1 fully short. Nothing is written where that
// much is held already.
func (p *Position) Hold(at int, exposure float64) {
	if exposure != p.held {
		p.held = exposure
		p.targets.Set(at, p.instrument, exposure)
	}
}

// Held is the share of equity that is held now.
func (p *Position) Held() float64 {
	return p.held
}

// Target is one entry of an answer: from bar At on, hold Exposure of equity in Instrument.
type Target struct {
	At         int
	Instrument int
	Exposure   float64
}

// Written returns all entries, in the order in which they were written: for tests.
func (t *Targets) Written() []Target {
	written := make([]Target, len(t.at))
	for i := range written {
		written[i] = Target{int(t.at[i]), int(t.instrument[i]), t.exposure[i]}
	}
	return written
}
