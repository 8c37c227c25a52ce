// Package backtest is what every strategy uses, however it is run: what it says of itself, its parameters, its errors.
//
// How it is run is in the packages signals and events. A component exports what it links: import the one that the
// strategy implements, or both.
package backtest
