//go:build wasm

// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//
// Never useful: the parameter case says what to do, and what is not named does nothing.
package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"backtest"
	"backtest/events"
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
				"levels", "wrong_type", "undeclared", "print", "checksum", "clock", "random", "orders", "heard", "end", "quiet"),
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
}

func start(symbols []string, params backtest.Params) (*live, error) {
	log.Infof("started %d instruments", len(symbols))
	name := params.Text("case")
	if err := talk(name, params); err != nil {
		return nil, err
	}
	return &live{name: name, rhythm: rhythmOf(params), bars: make([]int, len(symbols))}, nil
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
	if l.name == "heard" {
		log.Infof("finished")
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

func init() {
	signals.Export(describe, prepare)
	events.Export(describe, start)
}

func main() {}
