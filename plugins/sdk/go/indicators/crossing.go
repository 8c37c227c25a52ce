package indicators

// Crossing says to which side a line has crossed another, if it has.
type Crossing int

// What a line can have done.
const (
	// Below says that it was above, and is below now.
	Below Crossing = iota - 1
	// NoCrossing says that it has not crossed.
	NoCrossing
	// Above says that it was below, and is above now.
	Above
)

// Cross watches for a line to cross another: two averages, or a price and a level.
//
// A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on neither,
// so that a touch and a return is no crossing, and a line that passes through crosses on the bar on which it comes out. The
// first side is none that it has crossed to.
type Cross struct {
	side Crossing
}

// NewCross returns a watch that has seen no bar.
func NewCross() *Cross {
	return new(Cross)
}

// Next takes the next value of the line and of the other, and returns the crossing if there is one.
func (c *Cross) Next(line, other float64) Crossing {
	before := c.side
	switch {
	case !isFinite(line) || !isFinite(other):
		c.side = NoCrossing
	case line > other:
		c.side = Above
	case line < other:
		c.side = Below
	}
	if before == NoCrossing || before == c.side {
		return NoCrossing
	}
	return c.side
}

// CrossingsOf is where line crosses other, for each bar.
func CrossingsOf(line, other []float64) []Crossing {
	checkLengths(line, other)
	cross := NewCross()
	crossings := make([]Crossing, len(line))
	for t := range line {
		crossings[t] = cross.Next(line[t], other[t])
	}
	return crossings
}
