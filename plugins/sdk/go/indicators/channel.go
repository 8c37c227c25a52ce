package indicators

import "math"

// Donchian is the channel of Donchian: the highest high and the lowest low of the last n bars, in quote currency.
//
// The bar itself is one of them, so that no close is ever outside of its own channel: a breakout is a close beyond the channel
// of the bar before.
type Donchian struct {
	window window[Channel]
}

// Channel is the highest and the lowest price of some bars, in quote currency.
type Channel struct {
	Upper, Lower float64
}

// Middle is the price half way between both.
func (c Channel) Middle() float64 {
	return (c.Upper + c.Lower) / 2
}

// join takes neither max nor min, so that of two zeros it takes the one that every SDK takes.
func (c Channel) join(newer Channel) Channel {
	if newer.Upper > c.Upper {
		c.Upper = newer.Upper
	}
	if newer.Lower < c.Lower {
		c.Lower = newer.Lower
	}
	return c
}

// NewDonchian returns a channel of n bars.
func NewDonchian(n int) *Donchian {
	return &Donchian{newWindow[Channel](n)}
}

// Next takes the next bar, and returns the channel from the nth on.
func (d *Donchian) Next(high, low float64) (Channel, bool) {
	if !isFinite(high) || !isFinite(low) {
		d.window.clear()
		return Channel{math.NaN(), math.NaN()}, false
	}
	channel, ok := d.window.push(Channel{high, low})
	if !ok {
		return Channel{math.NaN(), math.NaN()}, false
	}
	return channel, true
}

// Channels is the [Channel] of each bar, as columns.
type Channels struct {
	Upper, Lower []float64
}

// DonchianOf is the [Donchian] of n bars, for each bar.
func DonchianOf(high, low []float64, n int) Channels {
	checkLengths(high, low)
	donchian := NewDonchian(n)
	channels := Channels{make([]float64, len(high)), make([]float64, len(high))}
	for t := range high {
		channel, _ := donchian.Next(high[t], low[t])
		channels.Upper[t], channels.Lower[t] = channel.Upper, channel.Lower
	}
	return channels
}
