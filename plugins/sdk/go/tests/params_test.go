// Package tests has the tests of the SDK: they are no part of a strategy's folder.
package tests

import (
	"fmt"
	"testing"

	"backtest"
)

var params = backtest.Params{
	{Name: "window", Value: int64(20)},
	{Name: "offset", Value: int64(-1)},
	{Name: "level", Value: 0.5},
	{Name: "side", Value: "long"},
	{Name: "short", Value: true},
}

func TestEachTypeIsReadByName(t *testing.T) {
	read := fmt.Sprintln(params.Count("window"), params.Integer("offset"), params.Number("level"), params.Text("side"),
		params.Boolean("short"))
	if read != "20 -1 0.5 long true\n" {
		t.Error(read)
	}
}

func TestWhatCannotBeReadPanicsWithAReason(t *testing.T) {
	cases := map[string]func(){
		"the plugin asks for parameter `windw`, which its description does not declare":           func() { params.Integer("windw") },
		"the plugin reads parameter `level` as an integer, but its description declares a number": func() { params.Count("level") },
		"the plugin reads parameter `short` as a text, but its description declares a boolean":    func() { params.Text("short") },
		"`offset` counts something, so it cannot be -1":                                           func() { params.Count("offset") },
	}
	for expected, read := range cases {
		func() {
			defer func() {
				if reason := fmt.Sprint(recover()); reason != expected {
					t.Errorf("%s, not %s", reason, expected)
				}
			}()
			read()
		}()
	}
}

func TestAnInvalidParameterIsToldFromOtherErrors(t *testing.T) {
	invalid := fmt.Errorf("checking: %w", backtest.Invalidf("count %d is wrong", 3))
	if !backtest.IsInvalid(invalid) || backtest.IsInvalid(fmt.Errorf("count 3 is wrong")) {
		t.Error(invalid)
	}
}
