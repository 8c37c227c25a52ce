package guest

import "backtest"

// describe describes the component.
var describe func() backtest.Description

// Describe has the component described by a function, unless it is described already.
func Describe(by func() backtest.Description) {
	if describe == nil {
		describe = by
	}
}
