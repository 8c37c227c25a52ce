package tests

import (
	"slices"
	"testing"

	"backtest/signals"
)

func check(t *testing.T, targets *signals.Targets, expected ...signals.Target) {
	t.Helper()
	if written := targets.Written(); !slices.Equal(written, expected) {
		t.Errorf("%v is written, not %v", written, expected)
	}
}

func target(at int, exposure float64) signals.Target {
	return signals.Target{At: at, Instrument: 0, Exposure: exposure}
}

func TestOnlyChangesAreWritten(t *testing.T) {
	targets := signals.NewTargets(1, 5)
	position := targets.Instrument(0)
	for at, exposure := range []float64{0, 1, 1, -1, 0} {
		position.Hold(at, exposure)
	}
	check(t, targets, target(1, 1), target(3, -1), target(4, 0))
}

func TestShareIsThatOfEachInstrument(t *testing.T) {
	for instruments, share := range []float64{1, 1, 0.5} {
		if found := signals.NewTargets(instruments, 0).Share(); found != share {
			t.Errorf("%v of %d instruments, not %v", found, instruments, share)
		}
	}
}

func TestAFullAnswerPanicsWithAReason(t *testing.T) {
	defer func() {
		expected := "there is no room for more than 1 targets: write at most one for each bar of each instrument"
		if reason := recover(); reason != expected {
			t.Errorf("%v, not %v", reason, expected)
		}
	}()
	targets := signals.NewTargets(1, 1)
	targets.Set(0, 0, 1)
	targets.Set(1, 0, 0)
}
