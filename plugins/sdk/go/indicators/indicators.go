// Package indicators computes what traders compute from prices, over a whole column or bar by bar.
//
// It never looks ahead. Each indicator is a type that is told one value at a time ([SMA.Next], for OnBar) and a function that
// tells it a whole column ([SMAOf], for prepare and Evaluate). The function is nothing but the type in a loop, so that both
// give the same bits, which are those of every other SDK.
//
// What holds for all of them:
//
//   - No answer yet is NaN; Next says false beside it, and a column is as long as what it is made of. NaN compares with
//     nothing: fast[t] > slow[t] is false until both are there.
//   - A value that is not finite is none: there is no answer, and the indicator starts over behind it. One of another one's
//     column, SMAOf(RSIOf(close, 14), 5), therefore begins where that column does.
//   - A window of 0 bars makes no sense and panics; declare the parameter with a range from 1 on. So do columns of one call
//     that are not equally long.
//   - Windows take nothing away. Each is joined of parts that were only ever added to, so that an error of rounding is gone
//     as soon as its values are, and a bar costs the same whatever the length.
package indicators

import "fmt"

func isFinite(value float64) bool {
	return value-value == 0
}

func areFinite(high, low, close float64) bool {
	return isFinite(high) && isFinite(low) && isFinite(close)
}

// column has what next answers to each of values.
func column(values []float64, next func(float64) (float64, bool)) []float64 {
	answers := make([]float64, len(values))
	for t, value := range values {
		answers[t], _ = next(value)
	}
	return answers
}

// columnOfBars has what next answers to each bar.
func columnOfBars(high, low, close []float64, next func(high, low, close float64) (float64, bool)) []float64 {
	checkLengths(high, low, close)
	answers := make([]float64, len(close))
	for t := range close {
		answers[t], _ = next(high[t], low[t], close[t])
	}
	return answers
}

// threeColumns makes room for an indicator whose answers have three members.
func threeColumns(length int) (first, second, third []float64) {
	return make([]float64, length), make([]float64, length), make([]float64, length)
}

// checkLengths panics unless the columns of one instrument have one length.
func checkLengths(columns ...[]float64) {
	lengths := make([]int, len(columns))
	equal := true
	for i, column := range columns {
		lengths[i] = len(column)
		equal = equal && lengths[i] == lengths[0]
	}
	if !equal {
		panic(fmt.Sprintf("the columns have %v values; give as many of each", lengths))
	}
}
