package main

import (
	"backtest"
	"backtest/events"
)

// smaCross is trend: long while the fast moving average of the closes is above the slow one, flat while it is below.
type smaCross struct {
	fast, slow int
	// sums has, for each instrument, 0 and then the sum of its first close, of its first two, and so on.
	sums [][]float64
}

func describe() backtest.Description {
	return backtest.Description{
		Name: "my_strategy", Version: "0.1.0",
		Summary: "Long while the fast average is above the slow one.",
		Parameters: []backtest.Parameter{
			backtest.Integer("fast", "bars of the fast average", 20).Range(1, 2000),
			backtest.Integer("slow", "bars of the slow average, more than the fast one has", 50).Range(2, 5000),
		},
	}
}

// start begins a run; every combination of parameters has one of its own.
func start(symbols []string, params backtest.Params) (*smaCross, error) {
	fast, slow := params.Count("fast"), params.Count("slow")
	if fast >= slow {
		return nil, backtest.Invalidf("`fast` (%d) is not below `slow` (%d)", fast, slow)
	}
	sums := make([][]float64, len(symbols))
	for instrument := range sums {
		sums[instrument] = []float64{0}
	}
	return &smaCross{fast, slow, sums}, nil
}

// OnBar is called when a bar has closed. What is asked for here is traded at the next open.
func (s *smaCross) OnBar(bar events.Bar, broker *events.Broker) {
	sums := s.sums[bar.Instrument]
	last := len(sums)
	sums = append(sums, sums[last-1]+bar.Close)
	s.sums[bar.Instrument] = sums
	if last < s.slow {
		return
	}
	fastAverage := (sums[last] - sums[last-s.fast]) / float64(s.fast)
	slowAverage := (sums[last] - sums[last-s.slow]) / float64(s.slow)
	if fastAverage > slowAverage {
		broker.Hold(bar.Instrument, broker.Share())
	} else if fastAverage < slowAverage { // Equal averages change nothing.
		broker.Hold(bar.Instrument, 0)
	}
}

func init() { events.Export(describe, start) }
func main() {}
