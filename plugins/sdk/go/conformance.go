//go:build wasm

// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//
// Never useful: the parameter case says what to do, and what is not named does nothing.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"backtest"
	"backtest/events"
	"backtest/indicators"
	"backtest/log"
	"backtest/signals"
)

const tenDays = int64(10 * 24 * time.Hour)

func describe() backtest.Description {
	return backtest.Description{
		Name:    "conformance",
		Version: "1.2.3",
		Summary: "Uses all of the SDK.",
		Parameters: []backtest.Parameter{
			backtest.Text("case", "what to do", "targets").OneOf("targets", "empty", "invalid", "failed", "raise", "echo",
				"levels", "wrong_type", "undeclared", "print", "checksum", "clock", "random", "orders", "heard", "end", "quiet",
				"indicators"),
			backtest.Integer("count", "a count", 3).Range(0, 1000),
			backtest.Number("level", "a level", 0.5).AtLeast(-1),
			backtest.Number("cap", "a cap", 2.5).AtMost(10),
			backtest.Boolean("flag", "a flag", true),
			backtest.Text("note", "a note: naïve café ✓", ""),
			backtest.Integer("mode", "a mode", 1).OneOf(1, 2, 3),
		},
	}
}

// conformance is the data, as it came.
type conformance struct {
	data []backtest.Series
}

func prepare(data []backtest.Series) (*conformance, error) {
	bars := 0
	for _, series := range data {
		bars += len(series.Time)
	}
	log.Infof("prepared %d instruments, %d bars", len(data), bars)
	for _, series := range data {
		switch series.Symbol {
		case "RAISE":
			panic("raised in prepare")
		case "REFUSE":
			return nil, errors.New("refused in prepare")
		}
	}
	return &conformance{data}, nil
}

func (c *conformance) Evaluate(params backtest.Params, targets *signals.Targets) error {
	switch name := params.Text("case"); name {
	case "targets":
		c.alternate(rhythmOf(params), targets)
	case "checksum":
		c.checksum(targets)
	case "clock":
		c.once(float64(time.Now().Unix())/1e10, targets)
	case "random":
		c.once(rand.Float64()+float64(anyKey())/1e3, targets)
	case "raise":
		deeper()
	case "indicators":
		for _, series := range c.data {
			compute(series)
		}
	default:
		return talk(name, params)
	}
	return nil
}

func (c *conformance) alternate(rhythm rhythm, targets *signals.Targets) {
	for instrument, series := range c.data {
		position := targets.Instrument(instrument)
		for t := range series.Close {
			if exposure, ok := rhythm.at(t); ok {
				position.Hold(t, exposure)
			}
		}
	}
}

func (c *conformance) checksum(targets *signals.Targets) {
	for instrument, series := range c.data {
		if len(series.Time) > 0 {
			targets.Instrument(instrument).Hold(0, digest(series)/1e12)
		}
	}
}

// once holds something of the first instrument from its first bar on.
func (c *conformance) once(exposure float64, targets *signals.Targets) {
	if len(c.data) > 0 && len(c.data[0].Time) > 0 {
		targets.Instrument(0).Hold(0, exposure)
	}
}

// anyKey is one of the keys of a map, which Go draws at random.
func anyKey() int {
	for key := range map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true} {
		return key
	}
	return 0
}

// digest is a sum in which every column, every bar and the length of the symbol counts.
func digest(series backtest.Series) float64 {
	sum := 0.0
	for t := range series.Time {
		sum += series.Open[t] + 2*series.High[t] + 3*series.Low[t] + 5*series.Close[t] + 7*series.Volume[t] +
			11*float64(series.Time[t]/int64(time.Second))
	}
	return sum + float64(len(series.Symbol))
}

// rhythm is, every count bars, another side: level, then its opposite.
type rhythm struct {
	count int
	level float64
}

func rhythmOf(params backtest.Params) rhythm {
	return rhythm{params.Count("count"), params.Number("level")}
}

// at returns what to hold from bar t on, where that changes.
func (r rhythm) at(t int) (exposure float64, changes bool) {
	switch {
	case r.count == 0 || t%r.count != 0:
		return 0, false
	case t/r.count%2 == 0:
		return r.level, true
	default:
		return -r.level, true
	}
}

// talk does the cases that only log or fail, at the beginning of a task.
func talk(name string, params backtest.Params) error {
	switch name {
	case "invalid":
		return backtest.Invalidf("count %d is wrong", params.Integer("count"))
	case "failed":
		return errors.New("failed on purpose")
	case "wrong_type":
		params.Text("count")
	case "undeclared":
		params.Integer("nothing")
	case "echo":
		echo(name, params)
	case "levels":
		log.Debugf("one")
		log.Infof("two")
		log.Warnf("three")
		log.Errorf("four")
	case "print":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
	}
	return nil
}

func echo(name string, params backtest.Params) {
	log.Infof("case=%s count=%d level=%d cap=%d flag=%t note=%s mode=%d", name, params.Integer("count"),
		thousandths(params.Number("level")), thousandths(params.Number("cap")), params.Boolean("flag"),
		params.Text("note"), params.Integer("mode"))
}

func deeper() {
	panic("raised on purpose")
}

func thousandths(value float64) int64 {
	return int64(math.Floor(value * 1000))
}

// live is a run, and what has been heard in it.
type live struct {
	name   string
	rhythm rhythm
	// bars has the bars of each instrument.
	bars []int
	// heard is the bars of all instruments.
	heard, times int
	// waiting is cancelled at the bar after it was sent.
	waiting events.OrderID
	symbols []string
	// watches has the indicators of each instrument, in the order of runs.
	watches [][]*watch
}

func start(symbols []string, params backtest.Params) (*live, error) {
	log.Infof("started %d instruments", len(symbols))
	name := params.Text("case")
	if err := talk(name, params); err != nil {
		return nil, err
	}
	return &live{
		name:    name,
		rhythm:  rhythmOf(params),
		bars:    make([]int, len(symbols)),
		symbols: symbols,
		watches: watchAll(len(symbols)),
	}, nil
}

func (l *live) OnBar(bar events.Bar, broker *events.Broker) {
	switch {
	case l.name == "targets":
		if exposure, ok := l.rhythm.at(l.bars[bar.Instrument]); ok {
			broker.Hold(bar.Instrument, exposure)
		}
	case l.name == "orders" && bar.Instrument == 0:
		l.send(bar, broker)
	case l.name == "heard":
		l.hear(bar, broker)
	case l.name == "quiet":
		l.mute(broker)
	case l.name == "indicators":
		for _, watch := range l.watches[bar.Instrument] {
			watch.next(bar)
		}
	case l.name == "raise" && l.heard == 2:
		deeper()
	case l.name == "end" && l.heard == 2:
		broker.Fail(errors.New("ended on purpose"))
	}
	l.bars[bar.Instrument]++
	l.heard++
}

func (l *live) OnTime(at int64, equity float64, _ *events.Broker) {
	switch {
	case l.name == "heard" && l.times < 3:
		log.Infof("time %d %d", at/int64(time.Second), thousandths(equity))
	case l.name == "quiet":
		log.Infof("time")
	}
	l.times++
}

func (l *live) OnFill(fill events.Fill, _ *events.Broker) {
	if l.name == "heard" {
		log.Infof("fill %d %d %d %d %d", fill.Order, fill.Instrument, thousandths(fill.Quantity), thousandths(fill.Price),
			thousandths(fill.Fee))
	}
}

func (l *live) OnReject(order events.OrderID, reason events.Reason, _ *events.Broker) {
	if l.name == "heard" {
		log.Infof("reject %d %s", order, reason)
	}
}

func (l *live) Finish() {
	switch l.name {
	case "heard":
		log.Infof("finished")
	case "indicators":
		l.tell()
	}
}

// tell logs the indicators of each instrument.
func (l *live) tell() {
	for i, watches := range l.watches {
		for _, watch := range watches {
			tell(l.symbols[i], watch.run, watch.answers)
		}
	}
}

// send sends every kind of order, one at each bar.
func (l *live) send(bar events.Bar, broker *events.Broker) {
	price := bar.Close
	switch l.bars[0] {
	case 0:
		broker.Buy(0, 10)
	case 1:
		broker.Send(events.Sell(0, 4).Limit(price * 1.5))
	case 2:
		broker.Send(events.Buy(0, 2).Stop(price * 1.1).Day())
	case 3:
		broker.Send(events.Buy(0, 1).Stop(price * 1.05).Limit(price * 1.06).Until(bar.Time + tenDays))
	case 4:
		broker.Send(events.Sell(0, 3).TrailingStop(price * 0.1).ReduceOnly())
	case 5:
		broker.Send(events.Sell(0, 2).TrailingStopPercent(0.2).ImmediateOrCancel())
	case 6:
		broker.Send(events.Buy(0, 0.25).OfEquity())
	case 7:
		broker.Send(events.Buy(0, 1000).OfValue())
	case 14:
		broker.Buy(0, -1)
	default:
		l.manage(price, broker)
	}
}

// manage does with orders and targets what there is to do with them, one thing at each bar.
func (l *live) manage(price float64, broker *events.Broker) {
	switch l.bars[0] {
	case 8:
		broker.Bracket(broker.Send(events.Buy(0, 5).Limit(price*0.99)), price*0.9, price*1.2)
	case 9:
		broker.Bracket(broker.Buy(0, 1), price*0.8, events.None)
	case 10:
		l.waiting = broker.Send(events.Buy(0, 1).Limit(price * 0.5))
		broker.OneCancelsOther(l.waiting, broker.Send(events.Sell(0, 1).Stop(price*0.5)))
	case 11:
		broker.Cancel(l.waiting)
	case 12, 13:
		broker.Hold(0, 0.5)
	case 15:
		broker.Cancel(999_999)
	case 16:
		broker.Target(0, 0.5)
	}
}

// hear logs the first bars, and sends one order that is filled and one that is rejected.
func (l *live) hear(bar events.Bar, broker *events.Broker) {
	if l.heard < 3 {
		log.Infof("bar %d %d %d %d %d", bar.Instrument, bar.Time/int64(time.Second), thousandths(bar.Close),
			thousandths(bar.Position), thousandths(bar.Equity))
	}
	switch {
	case bar.Instrument != 0:
	case l.bars[0] == 0:
		broker.Buy(0, 1)
	case l.bars[0] == 1:
		broker.Send(events.Buy(0, 1).Limit(math.NaN()))
	}
}

// mute logs what is heard, and hears less and less.
func (l *live) mute(broker *events.Broker) {
	log.Infof("bar %d", l.heard)
	switch l.heard {
	case 0:
		broker.Mute(events.TimeEvent)
	case 4:
		broker.Mute(events.BarEvent)
	}
}

// run is one of all indicators: what it is called, how many bars the windows have, and whether some prices are not finite.
type run struct {
	name string
	n    int
	gaps bool
}

var runs = []run{{"1", 1, false}, {"3", 3, false}, {"14", 14, false}, {"gaps", 3, true}}

// prices returns high, low and close of bar t; with gaps, some of them are not finite.
func (r run) prices(t int, high, low, close float64) (float64, float64, float64) {
	switch {
	case r.gaps && t%16 == 7:
		return math.Inf(1), low, close
	case r.gaps && t%16 == 15:
		return high, low, math.NaN()
	default:
		return high, low, close
	}
}

// indicator is a name and the columns of its answers, one for each member.
type indicator struct {
	name    string
	columns [][]float64
}

// compute logs a digest of each indicator, computed over columns.
func compute(series backtest.Series) {
	for _, run := range runs {
		bars := len(series.Close)
		high, low, close := make([]float64, bars), make([]float64, bars), make([]float64, bars)
		for t := range close {
			high[t], low[t], close[t] = run.prices(t, series.High[t], series.Low[t], series.Close[t])
		}
		tell(series.Symbol, run, overColumns(high, low, close, run.n))
	}
}

func overColumns(high, low, close []float64, n int) []indicator {
	average := indicators.SMAOf(close, n)
	sides := make([]float64, len(close))
	for t, crossing := range indicators.CrossingsOf(close, average) {
		sides[t] = float64(crossing)
	}
	channel := indicators.DonchianOf(high, low, n)
	bands := indicators.BollingerOf(close, n, 2)
	lines := indicators.MACDOf(close, n, 2*n+1, 3)
	trend := indicators.ADXOf(high, low, close, n)
	return []indicator{
		{"sma", [][]float64{average}},
		{"ema", [][]float64{indicators.EMAOf(close, n)}},
		{"deviation", [][]float64{indicators.DeviationOf(close, n)}},
		{"z_score", [][]float64{indicators.ZScoreOf(close, n)}},
		{"rsi", [][]float64{indicators.RSIOf(close, n)}},
		{"true_range", [][]float64{indicators.TrueRangeOf(high, low, close)}},
		{"atr", [][]float64{indicators.ATROf(high, low, close, n)}},
		{"donchian", [][]float64{channel.Upper, channel.Lower}},
		{"bollinger", [][]float64{bands.Upper, bands.Middle, bands.Lower}},
		{"macd", [][]float64{lines.Line, lines.Signal, lines.Histogram}},
		{"adx", [][]float64{trend.ADX, trend.PlusDI, trend.MinusDI}},
		{"crossings", [][]float64{sides}},
	}
}

// watch is all indicators of one instrument, told bar by bar, and what they have answered.
type watch struct {
	run       run
	bars      int
	average   *indicators.SMA
	faster    *indicators.EMA
	deviation *indicators.Deviation
	score     *indicators.ZScore
	strength  *indicators.RSI
	ranges    *indicators.TrueRange
	movement  *indicators.ATR
	channel   *indicators.Donchian
	bands     *indicators.Bollinger
	lines     *indicators.MACD
	trend     *indicators.ADX
	cross     *indicators.Cross
	answers   []indicator
}

// watchAll makes the watches of so many instruments.
func watchAll(instruments int) [][]*watch {
	watches := make([][]*watch, instruments)
	for i := range watches {
		for _, run := range runs {
			watches[i] = append(watches[i], newWatch(run))
		}
	}
	return watches
}

func newWatch(run run) *watch {
	n := run.n
	return &watch{
		run:       run,
		average:   indicators.NewSMA(n),
		faster:    indicators.NewEMA(n),
		deviation: indicators.NewDeviation(n),
		score:     indicators.NewZScore(n),
		strength:  indicators.NewRSI(n),
		ranges:    indicators.NewTrueRange(),
		movement:  indicators.NewATR(n),
		channel:   indicators.NewDonchian(n),
		bands:     indicators.NewBollinger(n, 2),
		lines:     indicators.NewMACD(n, 2*n+1, 3),
		trend:     indicators.NewADX(n),
		cross:     indicators.NewCross(),
		// No column so far, and no bar.
		answers: overColumns(nil, nil, nil, n),
	}
}

func (w *watch) next(bar events.Bar) {
	high, low, close := w.run.prices(w.bars, bar.High, bar.Low, bar.Close)
	w.bars++
	average, _ := w.average.Next(close)
	faster, _ := w.faster.Next(close)
	deviation, _ := w.deviation.Next(close)
	score, _ := w.score.Next(close)
	strength, _ := w.strength.Next(close)
	trueRange, _ := w.ranges.Next(high, low, close)
	movement, _ := w.movement.Next(high, low, close)
	channel, _ := w.channel.Next(high, low)
	bands, _ := w.bands.Next(close)
	lines, _ := w.lines.Next(close)
	trend, _ := w.trend.Next(high, low, close)
	for i, answers := range [][]float64{
		{average}, {faster}, {deviation}, {score}, {strength}, {trueRange}, {movement},
		{channel.Upper, channel.Lower},
		{bands.Upper, bands.Middle, bands.Lower},
		{lines.Line, lines.Signal, lines.Histogram},
		{trend.ADX, trend.PlusDI, trend.MinusDI},
		{float64(w.cross.Next(close, average))},
	} {
		for member, answer := range answers {
			column := &w.answers[i].columns[member]
			*column = append(*column, answer)
		}
	}
}

// tell logs a digest of each indicator's columns.
func tell(symbol string, run run, indicators []indicator) {
	for _, indicator := range indicators {
		log.Infof("%s %s %s %016x", symbol, run.name, indicator.name, hash(indicator.columns))
	}
}

// hash is FNV-1a of 64 bits over the bytes of numbers, row by row, the lowest byte first, with one NaN.
func hash(columns [][]float64) uint64 {
	hash := fnv.New64a()
	for t := range columns[0] {
		for _, column := range columns {
			bits := math.Float64bits(column[t])
			if math.IsNaN(column[t]) {
				bits = 0x7ff8_0000_0000_0000
			}
			hash.Write(binary.LittleEndian.AppendUint64(nil, bits))
		}
	}
	return hash.Sum64()
}

func init() {
	signals.Export(describe, prepare)
	events.Export(describe, start)
}

func main() {}
