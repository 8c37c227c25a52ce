//! Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//!
//! Never useful: `case` says what to do, and what is not named does nothing.

use backtest_sdk::{
    Bar, Broker, Description, Error, Event, EventStrategy, Fill, Order, OrderId, Params, Reason, Series, Strategy,
    Targets, export,
    indicators::{
        Adx, Atr, Bollinger, Cross, Crossing, Deviation, Donchian, Ema, Macd, Rsi, Sma, TrueRange, ZScore, adx, atr,
        bollinger, crossings, deviation, donchian, ema, macd, rsi, sma, true_range, z_score,
    },
    log,
};

const CASES: [&str; 18] = [
    "targets",
    "empty",
    "invalid",
    "failed",
    "raise",
    "echo",
    "levels",
    "wrong_type",
    "undeclared",
    "print",
    "checksum",
    "clock",
    "random",
    "orders",
    "heard",
    "end",
    "quiet",
    "indicators",
];

const SECOND: i64 = 1_000_000_000;
const TEN_DAYS: i64 = 10 * 24 * 60 * 60 * SECOND;

/// The data, as it came.
struct Conformance {
    data: Vec<Series>,
}

impl Strategy for Conformance {
    fn describe() -> Description {
        Description::new("conformance", "1.2.3", "Uses all of the SDK.")
            .text("case", "what to do", "targets")
            .one_of(CASES)
            .integer("count", "a count", 3)
            .range(0, 1000)
            .number("level", "a level", 0.5)
            .at_least(-1)
            .number("cap", "a cap", 2.5)
            .at_most(10)
            .boolean("flag", "a flag", true)
            .text("note", "a note: naïve café ✓", "")
            .integer("mode", "a mode", 1)
            .one_of([1, 2, 3])
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        let bars: usize = data.iter().map(|series| series.time.len()).sum();
        log::info(format!("prepared {} instruments, {bars} bars", data.len()));
        for series in &data {
            match series.symbol.as_str() {
                "RAISE" => panic!("raised in prepare"),
                "REFUSE" => return Err(Error::failed("refused in prepare")),
                _ => {}
            }
        }
        Ok(Self { data })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        match params.text("case")? {
            "targets" => self.alternate(&Rhythm::of(params)?, targets),
            "checksum" => self.checksum(targets),
            "raise" => deeper(),
            "indicators" => self.data.iter().for_each(compute),
            case => talk(case, params)?,
        }
        Ok(())
    }
}

impl Conformance {
    fn alternate(&self, rhythm: &Rhythm, targets: &mut Targets) {
        for (instrument, series) in self.data.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for at in 0..series.close.len() {
                if let Some(exposure) = rhythm.at(at) {
                    position.hold(at, exposure);
                }
            }
        }
    }

    fn checksum(&self, targets: &mut Targets) {
        for (instrument, series) in self.data.iter().enumerate().filter(|(_, series)| !series.time.is_empty()) {
            targets.instrument(instrument).hold(0, digest(series) / 1e12);
        }
    }
}

/// A sum in which every column, every bar and the length of the symbol counts.
fn digest(series: &Series) -> f64 {
    let mut sum = 0.0;
    for at in 0..series.time.len() {
        sum += series.open[at]
            + 2.0 * series.high[at]
            + 3.0 * series.low[at]
            + 5.0 * series.close[at]
            + 7.0 * series.volume[at]
            + 11.0 * (series.time[at] / SECOND) as f64;
    }
    sum + series.symbol.len() as f64
}

/// Every `count` bars another side: `level`, then its opposite.
struct Rhythm {
    count: usize,
    level: f64,
}

impl Rhythm {
    fn of(params: &Params) -> Result<Self, Error> {
        Ok(Self { count: params.count("count")?, level: params.number("level")? })
    }

    /// What to hold from bar `at` on, where that changes.
    fn at(&self, at: usize) -> Option<f64> {
        let turns = at.checked_div(self.count)?;
        let exposure = if turns.is_multiple_of(2) { self.level } else { -self.level };
        at.is_multiple_of(self.count).then_some(exposure)
    }
}

/// The cases that only log or fail, at the beginning of a task.
fn talk(case: &str, params: &Params) -> Result<(), Error> {
    match case {
        "invalid" => return Err(Error::invalid(format!("count {} is wrong", params.integer("count")?))),
        "failed" => return Err(Error::failed("failed on purpose")),
        "wrong_type" => drop(params.text("count")?),
        "undeclared" => drop(params.integer("nothing")?),
        "echo" => echo(case, params)?,
        "levels" => {
            log::debug("one");
            log::info("two");
            log::warn("three");
            log::error("four");
        }
        // Printing is without effect on this target, so that the lines are logged where other languages print them.
        "print" => {
            log::info("to stdout");
            log::error("to stderr");
        }
        _ => {}
    }
    Ok(())
}

fn echo(case: &str, params: &Params) -> Result<(), Error> {
    let (count, mode, flag) = (params.integer("count")?, params.integer("mode")?, params.boolean("flag")?);
    let (level, cap) = (thousandths(params.number("level")?), thousandths(params.number("cap")?));
    let note = params.text("note")?;
    log::info(format!("case={case} count={count} level={level} cap={cap} flag={flag} note={note} mode={mode}"));
    Ok(())
}

#[inline(never)]
fn deeper() {
    panic!("raised on purpose");
}

fn thousandths(value: f64) -> i64 {
    (value * 1000.0).floor() as i64
}

/// A run, and what has been heard in it.
struct Live {
    case: String,
    rhythm: Rhythm,
    /// The bars of each instrument.
    bars: Vec<usize>,
    /// The bars of all instruments.
    heard: usize,
    times: usize,
    /// The order that is cancelled at the bar after it was sent.
    waiting: Option<OrderId>,
    symbols: Vec<String>,
    /// The indicators of each instrument, in the order of [`RUNS`].
    watches: Vec<[Watch; 4]>,
}

impl EventStrategy for Live {
    fn describe() -> Description {
        Conformance::describe()
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        log::info(format!("started {} instruments", symbols.len()));
        let case = params.text("case")?.to_owned();
        talk(&case, params)?;
        let (rhythm, bars) = (Rhythm::of(params)?, vec![0; symbols.len()]);
        let watches = symbols.iter().map(|_| RUNS.map(Watch::new)).collect();
        Ok(Self { case, rhythm, bars, heard: 0, times: 0, waiting: None, symbols, watches })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        match self.case.as_str() {
            "targets" => {
                if let Some(exposure) = self.rhythm.at(self.bars[bar.instrument]) {
                    broker.hold(bar.instrument, exposure);
                }
            }
            "orders" if bar.instrument == 0 => self.orders(bar, broker),
            "heard" => self.hear(bar, broker),
            "quiet" => self.mute(broker),
            "indicators" => self.watches[bar.instrument].iter_mut().for_each(|watch| watch.next(bar)),
            "raise" if self.heard == 2 => deeper(),
            "end" if self.heard == 2 => broker.fail(Error::failed("ended on purpose")),
            _ => {}
        }
        self.bars[bar.instrument] += 1;
        self.heard += 1;
    }

    fn on_time(&mut self, time: i64, equity: f64, _: &mut Broker) {
        match self.case.as_str() {
            "heard" if self.times < 3 => log::info(format!("time {} {}", time / SECOND, thousandths(equity))),
            "quiet" => log::info("time"),
            _ => {}
        }
        self.times += 1;
    }

    fn on_fill(&mut self, fill: &Fill, _: &mut Broker) {
        if self.case == "heard" {
            let order = fill.order.map_or(0, OrderId::number);
            let [quantity, price, fee] = [fill.quantity, fill.price, fill.fee].map(thousandths);
            log::info(format!("fill {order} {} {quantity} {price} {fee}", fill.instrument));
        }
    }

    fn on_reject(&mut self, order: OrderId, reason: Reason, _: &mut Broker) {
        if self.case == "heard" {
            log::info(format!("reject {} {}", order.number(), kebab(reason)));
        }
    }

    fn finish(&mut self) {
        match self.case.as_str() {
            "heard" => log::info("finished"),
            "indicators" => self.tell(),
            _ => {}
        }
    }
}

impl Live {
    /// Logs the indicators of each instrument.
    fn tell(&self) {
        for (symbol, watches) in self.symbols.iter().zip(&self.watches) {
            watches.iter().for_each(|watch| watch.tell(symbol));
        }
    }

    /// Sends every kind of order, one at each bar.
    fn orders(&mut self, bar: &Bar, broker: &mut Broker) {
        let close = bar.close;
        let (buy, sell) = (|quantity| Order::buy(0, quantity), |quantity| Order::sell(0, quantity));
        let order = match self.bars[0] {
            0 => buy(10.0),
            1 => sell(4.0).limit(close * 1.5),
            2 => buy(2.0).stop(close * 1.1).day(),
            3 => buy(1.0).stop(close * 1.05).limit(close * 1.06).until(bar.time + TEN_DAYS),
            4 => sell(3.0).trailing_stop(close * 0.1).reduce_only(),
            5 => sell(2.0).trailing_stop_percent(0.2).immediate_or_cancel(),
            6 => buy(0.25).of_equity(),
            7 => buy(1000.0).of_value(),
            14 => buy(-1.0),
            _ => return self.manage(close, broker),
        };
        broker.order(order);
    }

    /// Does with orders and targets what there is to do with them, one thing at each bar.
    fn manage(&mut self, close: f64, broker: &mut Broker) {
        match self.bars[0] {
            8 => {
                let entry = broker.order(Order::buy(0, 5.0).limit(close * 0.99));
                broker.bracket(entry, close * 0.9, close * 1.2);
            }
            9 => {
                let entry = broker.buy(0, 1.0);
                broker.bracket(entry, close * 0.8, None);
            }
            10 => {
                let below = broker.order(Order::buy(0, 1.0).limit(close * 0.5));
                let stop = broker.order(Order::sell(0, 1.0).stop(close * 0.5));
                broker.one_cancels_other(below, stop);
                self.waiting = Some(below);
            }
            11 => self.waiting.take().into_iter().for_each(|order| broker.cancel(order)),
            12 | 13 => broker.hold(0, 0.5),
            15 => broker.cancel(OrderId::new(999_999)),
            16 => broker.target(0, 0.5),
            _ => {}
        }
    }

    /// Logs the first bars, and sends one order that is filled and one that is rejected.
    fn hear(&self, bar: &Bar, broker: &mut Broker) {
        if self.heard < 3 {
            let [close, position, equity] = [bar.close, bar.position, bar.equity].map(thousandths);
            log::info(format!("bar {} {} {close} {position} {equity}", bar.instrument, bar.time / SECOND));
        }
        match (bar.instrument, self.bars[0]) {
            (0, 0) => drop(broker.buy(0, 1.0)),
            (0, 1) => drop(broker.order(Order::buy(0, 1.0).limit(f64::NAN))),
            _ => {}
        }
    }

    /// Logs what is heard, and hears less and less.
    fn mute(&self, broker: &mut Broker) {
        log::info(format!("bar {}", self.heard));
        match self.heard {
            0 => broker.mute(Event::Time),
            4 => broker.mute(Event::Bar),
            _ => {}
        }
    }
}

/// The reason as the contract writes it.
fn kebab(reason: Reason) -> &'static str {
    match reason {
        Reason::BadQuantity => "bad-quantity",
        Reason::BadPrice => "bad-price",
        Reason::UnknownInstrument => "unknown-instrument",
        Reason::UnknownOrder => "unknown-order",
        Reason::NotOpen => "not-open",
        Reason::LotSize => "lot-size",
        Reason::TickSize => "tick-size",
        Reason::InsufficientFunds => "insufficient-funds",
        Reason::ReduceOnly => "reduce-only",
        Reason::TooManyOrders => "too-many-orders",
        Reason::Expired => "expired",
        Reason::OtherFilled => "other-filled",
        Reason::Cancelled => "cancelled",
        Reason::NoBar => "no-bar",
        Reason::Liquidated => "liquidated",
    }
}

/// The runs of all indicators: what each is called, how many bars the windows have, and whether some prices are not finite.
const RUNS: [(&str, usize, bool); 4] = [("1", 1, false), ("3", 3, false), ("14", 14, false), ("gaps", 3, true)];

const INDICATORS: [&str; 12] = [
    "sma",
    "ema",
    "deviation",
    "z_score",
    "rsi",
    "true_range",
    "atr",
    "donchian",
    "bollinger",
    "macd",
    "adx",
    "crossings",
];

/// High, low and close of bar `at`; with gaps, some of them are not finite.
fn prices(at: usize, gaps: bool, high: f64, low: f64, close: f64) -> [f64; 3] {
    match at % 16 {
        7 if gaps => [f64::INFINITY, low, close],
        15 if gaps => [high, low, f64::NAN],
        _ => [high, low, close],
    }
}

/// Logs a digest of each indicator, computed over columns.
fn compute(series: &Series) {
    for (run, n, gaps) in RUNS {
        let bars =
            (0..series.close.len()).map(|at| prices(at, gaps, series.high[at], series.low[at], series.close[at]));
        let (high, low, close): (Vec<_>, Vec<_>, Vec<_>) = bars.map(|[high, low, close]| (high, low, close)).collect();
        let average = sma(&close, n);
        let crosses = crossings(&close, &average).into_iter().map(side).collect();
        let (channel, bands) = (donchian(&high, &low, n), bollinger(&close, n, 2.0));
        let (lines, trend) = (macd(&close, n, 2 * n + 1, 3), adx(&high, &low, &close, n));
        let columns = [
            vec![average],
            vec![ema(&close, n)],
            vec![deviation(&close, n)],
            vec![z_score(&close, n)],
            vec![rsi(&close, n)],
            vec![true_range(&high, &low, &close)],
            vec![atr(&high, &low, &close, n)],
            vec![channel.upper, channel.lower],
            vec![bands.upper, bands.middle, bands.lower],
            vec![lines.line, lines.signal, lines.histogram],
            vec![trend.adx, trend.plus_di, trend.minus_di],
            vec![crosses],
        ];
        for (name, columns) in INDICATORS.into_iter().zip(columns) {
            let mut digest = Digest::new();
            (0..close.len()).for_each(|at| columns.iter().for_each(|column| digest.add(column[at])));
            log::info(format!("{} {run} {name} {:016x}", series.symbol, digest.0));
        }
    }
}

/// All indicators of one instrument, told bar by bar, and what they have answered.
struct Watch {
    run: &'static str,
    gaps: bool,
    bars: usize,
    sma: Sma,
    ema: Ema,
    deviation: Deviation,
    z_score: ZScore,
    rsi: Rsi,
    true_range: TrueRange,
    atr: Atr,
    donchian: Donchian,
    bollinger: Bollinger,
    macd: Macd,
    adx: Adx,
    cross: Cross,
    answers: [Digest; 12],
}

impl Watch {
    fn new((run, n, gaps): (&'static str, usize, bool)) -> Self {
        Self {
            run,
            gaps,
            bars: 0,
            sma: Sma::new(n),
            ema: Ema::new(n),
            deviation: Deviation::new(n),
            z_score: ZScore::new(n),
            rsi: Rsi::new(n),
            true_range: TrueRange::new(),
            atr: Atr::new(n),
            donchian: Donchian::new(n),
            bollinger: Bollinger::new(n, 2.0),
            macd: Macd::new(n, 2 * n + 1, 3),
            adx: Adx::new(n),
            cross: Cross::new(),
            answers: [Digest::new(); 12],
        }
    }

    fn next(&mut self, bar: &Bar) {
        let [high, low, close] = prices(self.bars, self.gaps, bar.high, bar.low, bar.close);
        self.bars += 1;
        let average = self.sma.next(close);
        let channel = self.donchian.next(high, low);
        let bands = self.bollinger.next(close);
        let lines = self.macd.next(close);
        let trend = self.adx.next(high, low, close);
        let cross = side(self.cross.next(close, average.unwrap_or(f64::NAN)));
        let answers = [
            vec![average],
            vec![self.ema.next(close)],
            vec![self.deviation.next(close)],
            vec![self.z_score.next(close)],
            vec![self.rsi.next(close)],
            vec![self.true_range.next(high, low, close)],
            vec![self.atr.next(high, low, close)],
            vec![channel.map(|at| at.upper), channel.map(|at| at.lower)],
            vec![bands.map(|at| at.upper), bands.map(|at| at.middle), bands.map(|at| at.lower)],
            vec![lines.map(|at| at.line), lines.map(|at| at.signal), lines.map(|at| at.histogram)],
            vec![trend.map(|at| at.adx), trend.map(|at| at.plus_di), trend.map(|at| at.minus_di)],
            vec![Some(cross)],
        ];
        for (digest, answers) in self.answers.iter_mut().zip(answers) {
            answers.into_iter().for_each(|answer| digest.add(answer.unwrap_or(f64::NAN)));
        }
    }

    fn tell(&self, symbol: &str) {
        for (name, digest) in INDICATORS.iter().zip(&self.answers) {
            log::info(format!("{symbol} {} {name} {:016x}", self.run, digest.0));
        }
    }
}

fn side(crossing: Option<Crossing>) -> f64 {
    match crossing {
        Some(Crossing::Above) => 1.0,
        Some(Crossing::Below) => -1.0,
        None => 0.0,
    }
}

/// FNV-1a of 64 bits over the bytes of numbers, the lowest byte first, with one NaN.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, value: f64) {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        for byte in bits.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

export!(Conformance, events Live);
