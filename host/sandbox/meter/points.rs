//! Charge points: where a function pays, and for which instructions.
//!
//! Never writes code. A point pays for the instructions that lie behind it in its function or loop, up to the next point,
//! but not for those in inner loops. Each of them runs at most once before the next charge: the only way back is to the
//! head of a loop, which is a point, and whatever jumps forward over a point arrives at another one.
//!
//! The function is walked once, instruction by instruction. [`Walk::current`] is the point that pays for the next one:
//!
//! - The head of a loop is a point. At the loop's end the point before the loop pays again: it was passed once, and what
//!   follows the loop runs at most once for that.
//! - A block in which a point lies ends with a point, since a jump to its end has gone over the one inside.
//! - In a function with a charge above [`Tariff::long`], a second walk makes every arm of a switch a point as well.
//!   An interpreter's round then pays for the arm that it takes, not for all of them.
//! - An arm that only switches lead to, and that is short, needs no charge of its own: each of those switches pays for
//!   the dearest of its short arms ([`Walk::charges`]).

use wasmparser::{BrTable, FunctionBody, Operator};

use super::weights::weight;

/// The tariff: what is paid beside the instructions, and where switches are split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tariff {
    /// Units that each charge adds to the instructions that it covers: it takes about as long as that many of them.
    pub(super) charge: i64,
    /// The price of a point above which its function pays at every arm of its switches. An interpreter's loop has an arm for
    /// each instruction that it knows, of which each round takes one.
    pub(super) long: i64,
    /// The most units of an arm that are paid before its switch: it needs no charge of its own.
    pub(super) prepaid: i64,
}

/// The tariff of every plugin.
pub(super) const TARIFF: Tariff = Tariff { charge: 8, long: 2000, prepaid: 256 };

/// The charges of one function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Charges {
    /// The price of a call.
    pub(super) entry: i64,
    /// Instructions, by number, after which something is paid, and how much; in their order.
    pub(super) after: Vec<(usize, i64)>,
}

/// Returns where the function `body` pays by `tariff` and how much; `called` is what a call of a function pays beside
/// itself.
pub(super) fn charges(
    body: &FunctionBody<'_>,
    tariff: &Tariff,
    called: impl Fn(u32) -> i64,
) -> wasmparser::Result<Charges> {
    let plain = Walk::over(body, &called, false)?;
    let is_long = plain.points.iter().any(|point| tariff.charge + point.price > tariff.long);
    let walk = if is_long && plain.switches { Walk::over(body, &called, true)? } else { plain };
    Ok(walk.charges(tariff))
}

/// A place where something is paid.
#[derive(Debug, Clone)]
struct Point {
    /// The number of the instruction before it; none at the function's entry.
    after: Option<usize>,
    /// Units of the instructions that it pays for.
    price: i64,
    /// The points that pay for the switches that lead here, if nothing else leads here.
    switches: Option<Vec<usize>>,
    /// Whether a switch is among what it pays for.
    has_switch: bool,
}

/// A block that is open.
#[derive(Debug)]
struct Frame {
    is_loop: bool,
    /// The point that pays outside of it.
    outer: usize,
    /// Whether a point lies in it, outside of inner loops: what jumps to its end has jumped over that.
    holds_point: bool,
    /// The points that pay for the switches of which its end is an arm.
    switches: Vec<usize>,
    /// Whether something else jumps to its end.
    is_target: bool,
}

/// A walk through the instructions of a function, which finds its points and what each pays for.
#[derive(Debug)]
struct Walk {
    points: Vec<Point>,
    frames: Vec<Frame>,
    /// The point that pays for the next instruction.
    current: usize,
    /// Whether the next instruction can follow the one before it.
    reachable: bool,
    /// Whether there is a switch.
    switches: bool,
    /// Whether something jumps in a way that this walk does not follow: then no arm is paid before its switch.
    jumps_oddly: bool,
    /// Whether arms of switches pay.
    splits: bool,
}

impl Walk {
    fn over(body: &FunctionBody<'_>, called: &impl Fn(u32) -> i64, splits: bool) -> wasmparser::Result<Self> {
        let entry = Point { after: None, price: 0, switches: None, has_switch: false };
        let mut walk = Self {
            points: vec![entry],
            frames: Vec::new(),
            current: 0,
            reachable: true,
            switches: false,
            jumps_oddly: false,
            splits,
        };
        for (number, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            let operator = operator?;
            walk.step(number, &operator)?;
            if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator {
                walk.points[walk.current].price += called(function_index);
            }
            walk.points[walk.current].price += weight(&operator);
        }
        Ok(walk)
    }

    fn step(&mut self, number: usize, operator: &Operator<'_>) -> wasmparser::Result<()> {
        match operator {
            Operator::Block { .. } => self.open(false),
            Operator::If { .. } => {
                self.open(false);
                // Its end is reached from its arm and by going past it, so that not only a switch leads there.
                self.jump(0);
            }
            Operator::Try { .. } | Operator::TryTable { .. } => {
                self.jumps_oddly = true;
                self.open(false);
            }
            Operator::Loop { .. } => {
                self.open(true);
                self.pay(number, None);
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => self.turn(number),
            // The function's own end closes none.
            Operator::End | Operator::Delegate { .. } => self.close(number),
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => self.jump(*relative_depth),
            Operator::BrTable { targets } => {
                self.switch(targets)?;
                self.reachable = false;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => self.reachable = false,
            Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::BrOnCastDescEq { .. }
            | Operator::BrOnCastDescEqFail { .. }
            | Operator::Resume { .. }
            | Operator::ResumeThrow { .. }
            | Operator::ResumeThrowRef { .. } => self.jumps_oddly = true,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, is_loop: bool) {
        let outer = self.current;
        self.frames.push(Frame { is_loop, outer, holds_point: false, switches: Vec::new(), is_target: false });
    }

    /// Another arm of the same block: it is reached from before the first one.
    fn turn(&mut self, number: usize) {
        self.reachable = true;
        if self.frames.last().is_some_and(|frame| frame.holds_point) {
            self.pay(number, None);
        }
    }

    fn close(&mut self, number: usize) {
        let Some(frame) = self.frames.pop() else { return };
        let falls_through = std::mem::replace(&mut self.reachable, true);
        if frame.is_loop {
            // The points in a loop are over when it ends: whatever comes next was paid for before it began.
            self.current = frame.outer;
        } else if frame.holds_point || !frame.switches.is_empty() {
            let only_switches = !falls_through && !frame.is_target && !frame.switches.is_empty();
            self.pay(number, only_switches.then_some(frame.switches));
        }
    }

    /// From here on, a new point pays.
    fn pay(&mut self, number: usize, switches: Option<Vec<usize>>) {
        self.current = self.points.len();
        self.points.push(Point { after: Some(number), price: 0, switches, has_switch: false });
        for frame in self.frames.iter_mut().rev().take_while(|frame| !frame.is_loop) {
            frame.holds_point = true;
        }
    }

    /// The block at whose end a jump arrives; none for a loop, whose head pays, and for the function.
    fn target(&mut self, depth: u32) -> Option<&mut Frame> {
        let at = self.frames.len().checked_sub(1 + depth as usize)?;
        self.frames.get_mut(at).filter(|frame| !frame.is_loop)
    }

    fn jump(&mut self, depth: u32) {
        if let Some(frame) = self.target(depth) {
            frame.is_target = true;
        }
    }

    fn switch(&mut self, targets: &BrTable<'_>) -> wasmparser::Result<()> {
        self.switches = true;
        let current = self.current;
        self.points[current].has_switch = true;
        for depth in targets.targets().chain([Ok(targets.default())]) {
            let (depth, splits) = (depth?, self.splits);
            if let Some(frame) = self.target(depth)
                && splits
                && frame.switches.last() != Some(&current)
            {
                frame.switches.push(current);
            }
        }
        Ok(())
    }

    /// The charges, once short arms are paid before their switches: each of these switches pays for its dearest short arm,
    /// since a round takes only one.
    fn charges(self, tariff: &Tariff) -> Charges {
        let mut prices: Vec<_> = self.points.iter().map(|point| Some(point.price)).collect();
        let mut prepaid = vec![0; prices.len()];
        for (at, point) in self.points.iter().enumerate() {
            let short = point.price <= tariff.prepaid && !point.has_switch && !self.jumps_oddly;
            let Some(switches) = point.switches.as_ref().filter(|_| short) else { continue };
            prices[at] = None;
            for &switch in switches {
                prepaid[switch] = prepaid[switch].max(point.price);
            }
        }
        let price = |at: usize| prices[at].map(|price| tariff.charge + price + prepaid[at]);
        let after = self.points.iter().enumerate().filter_map(|(at, point)| Some((point.after?, price(at)?)));
        Charges { entry: price(0).unwrap_or_default(), after: after.collect() }
    }
}
