package main

import (
	"backtest"
	"backtest/signals"
)

// smaCross is trend: long while the fast moving average of the closes is above the slow one, flat while it is below.
type smaCross struct {
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

// prepare is called once: whatever it returns is shared by all combinations of parameters.
func prepare(data []backtest.Series) (*smaCross, error) {
	strategy := new(smaCross)
	for _, series := range data {
		sums := []float64{0}
		for t, price := range series.Close {
			sums = append(sums, sums[t]+price)
		}
		strategy.sums = append(strategy.sums, sums)
	}
	return strategy, nil
}

// Evaluate is called for every combination. A target at bar t may use bars up to t; it is traded at the next open.
func (s *smaCross) Evaluate(params backtest.Params, targets *signals.Targets) error {
	fast, slow := params.Count("fast"), params.Count("slow")
	if fast >= slow {
		return backtest.Invalidf("`fast` (%d) is not below `slow` (%d)", fast, slow)
	}
	for instrument, sums := range s.sums {
		position := targets.Instrument(instrument)
		for t := slow - 1; t < len(sums)-1; t++ {
			fastAverage := (sums[t+1] - sums[t+1-fast]) / float64(fast)
			slowAverage := (sums[t+1] - sums[t+1-slow]) / float64(slow)
			if fastAverage > slowAverage {
				position.Hold(t, targets.Share())
			} else if fastAverage < slowAverage { // Equal averages change nothing.
				position.Hold(t, 0)
			}
		}
	}
	return nil
}

func init() { signals.Export(describe, prepare) }
func main() {}
