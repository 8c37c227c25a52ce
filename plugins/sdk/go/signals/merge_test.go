package signals

import (
	"slices"
	"testing"
)

func TestEntriesAreSortedByTheTimeOfTheirBarsAndNoneIsLost(t *testing.T) {
	targets := NewTargets(2, 6)
	// Before the first instrument begins: a run, too.
	targets.Set(0, 0, 0.5)
	targets.Set(2, 0, 0.5)
	targets.Instrument(1).Hold(0, 1)
	targets.Instrument(0).Hold(1, -1)
	merged := targets.merged([][]int64{{10, 20, 30}, {25}})
	expected := []Target{{0, 0, 0.5}, {1, 0, -1}, {0, 1, 1}, {2, 0, 0.5}}
	if written := merged.Written(); !slices.Equal(written, expected) {
		t.Errorf("%v is written, not %v", written, expected)
	}
}

func TestARepeatedExposureIsWrittenBySetAndNotByHold(t *testing.T) {
	targets := NewTargets(1, 3)
	position := targets.Instrument(0)
	position.Hold(0, 0.6)
	position.Hold(1, 0.6)
	targets.Set(2, 0, 0.6)
	expected := []Target{{0, 0, 0.6}, {2, 0, 0.6}}
	if written := targets.merged(nil).Written(); !slices.Equal(written, expected) {
		t.Errorf("%v is written, not %v", written, expected)
	}
}
