// Package signals runs strategies that see the whole series at once and answer with target exposures.
package signals

import (
	"errors"

	"backtest"
	"backtest/internal/guest"
)

// Strategy answers for one combination of parameters, from what it was prepared with. An answer must not depend on bars
// after the one that it names.
type Strategy interface {
	// Evaluate writes the targets for one combination of parameters.
	Evaluate(params backtest.Params, targets *Targets) error
}

// Export makes a strategy the one that the component exports: call it from init. describe says what it takes; prepare is
// called once for each data set, and computes whatever all combinations share.
func Export[S Strategy](describe func() backtest.Description, prepare func(data []backtest.Series) (S, error)) {
	guest.Describe(describe)
	exported.prepare = func(data []backtest.Series) (Strategy, error) { return prepare(data) }
}

// exported is the strategy, and the data that it was prepared with.
var exported struct {
	prepare  func([]backtest.Series) (Strategy, error)
	strategy Strategy
	// times has the times of each instrument's bars; none unless there are several instruments to merge.
	times       [][]int64
	instruments int
	bars        int
	// spare is the room for the first answer, which a task then need not allocate.
	spare *Targets
}

// prepare prepares the strategy.
func prepare(data []backtest.Series) (err error) {
	defer guest.Recover(&err)
	if exported.prepare == nil {
		return errors.New("the component exports signals, but no strategy that answers: call signals.Export from init")
	}
	exported.instruments, exported.bars, exported.times = len(data), 0, nil
	for _, series := range data {
		exported.bars += len(series.Time)
		if len(data) > 1 {
			exported.times = append(exported.times, series.Time)
		}
	}
	exported.strategy, err = exported.prepare(data)
	exported.spare = NewTargets(exported.instruments, exported.bars)
	return err
}

// evaluate evaluates one combination.
func evaluate(params backtest.Params) (answer *Targets, err error) {
	defer guest.Recover(&err)
	targets := exported.spare
	exported.spare = nil
	if targets == nil {
		targets = NewTargets(exported.instruments, exported.bars)
	}
	if err := exported.strategy.Evaluate(params, targets); err != nil {
		return nil, err
	}
	return targets.merged(exported.times), nil
}
