//! Faulty: does what `behaviour` says, so that a host can show that it survives it.
//!
//! Never useful: when it behaves, it trades a rise over a window that its seed decides.

use std::hint::black_box;

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export, log};

/// The closes of the first instrument.
#[derive(Debug)]
pub struct Faulty {
    close: Vec<f64>,
}

const BEHAVIOURS: [&str; 12] = [
    "fine",
    "panic",
    "loop",
    "memory",
    "recurse",
    "unsorted",
    "refuse",
    "fail",
    "trap",
    "out-of-range",
    "huge-answer",
    "flood-log",
];

impl Strategy for Faulty {
    fn describe() -> Description {
        Description::new("faulty", env!("CARGO_PKG_VERSION"), "Misbehaves in every way that a host must survive.")
            .text("behaviour", "what to do", "fine")
            .one_of(BEHAVIOURS)
            .integer("seed", "tells the fine ones apart", 0)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { close: data.into_iter().next().map(|series| series.close).unwrap_or_default() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let seed = params.integer("seed")?;
        match params.text("behaviour")? {
            "panic" => panic!("this cell was told to panic, seed {seed}"),
            "loop" => spin(),
            "memory" => hoard(),
            "recurse" => log::info(descend(seed.unsigned_abs())),
            "unsorted" => [2, 1, 1].iter().for_each(|&at| targets.set(at, 0, at as f64)),
            "refuse" => return Err(Error::invalid(format!("seed {seed} does not go with behaviour refuse"))),
            "fail" => return Err(Error::failed(format!("this cell was told to fail, seed {seed}"))),
            "trap" => trap(),
            "out-of-range" => targets.set(self.close.len(), 0, 1.0),
            "huge-answer" => flood(targets),
            "flood-log" => (0..100_000).for_each(|line| log::info(format!("line {line} of a flood"))),
            _ => self.behave(seed, targets),
        }
        Ok(())
    }
}

impl Faulty {
    fn behave(&self, seed: i64, targets: &mut Targets) {
        let window = 1 + seed.rem_euclid(250) as usize;
        if self.close.is_empty() {
            return;
        }
        let mut position = targets.instrument(0);
        for at in window..self.close.len() {
            position.hold(at, if self.close[at] > self.close[at - window] { 1.0 } else { 0.0 });
        }
    }
}

/// Runs for ever. The black box keeps the compiler from seeing that nothing comes of it.
#[inline(never)]
fn spin() {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory and writes to all of it, for ever.
#[inline(never)]
fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1u8; 1 << 20]));
    }
}

/// Calls itself until the stack is full. What follows the call keeps it from becoming a loop.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { descend(depth + 1).rotate_left(7) ^ depth }
}

/// Answers with four million targets, whatever the data.
#[inline(never)]
fn flood(targets: &mut Targets) {
    const ENTRIES: usize = 4_000_000;
    *targets = Targets::with_capacity(1, ENTRIES);
    (0..ENTRIES).for_each(|_| targets.set(0, 0, 1.0));
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn trap() {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {
    std::process::abort()
}

export!(Faulty);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn run(behaviour: &str, seed: i64) -> Result<Vec<Target>, Error> {
        let data = vec![testing::series("ACME", &[1.0, 2.0, 3.0, 2.0, 1.0])];
        testing::evaluate::<Faulty>(data, &[("behaviour", behaviour.into()), ("seed", seed.into())])
    }

    #[test]
    fn the_seed_tells_the_fine_ones_apart() {
        assert_eq!(run("fine", 0), Ok(vec![(1, 0, 1.0), (3, 0, 0.0)]));
        assert_eq!(run("fine", 2), Ok(vec![(3, 0, 1.0), (4, 0, 0.0)]));
        assert_eq!(run("fine", i64::MIN), run("fine", i64::MIN.rem_euclid(250)));
    }

    #[test]
    fn nonsense_is_answered_as_it_is() {
        assert_eq!(run("unsorted", 0), Ok(vec![(2, 0, 2.0), (1, 0, 1.0), (1, 0, 1.0)]));
        assert_eq!(run("out-of-range", 0), Ok(vec![(5, 0, 1.0)]));
    }

    #[test]
    fn errors_are_of_both_kinds() {
        assert_eq!(run("refuse", 7), Err(Error::invalid("seed 7 does not go with behaviour refuse")));
        assert_eq!(run("fail", 7), Err(Error::failed("this cell was told to fail, seed 7")));
    }

    #[test]
    #[should_panic(expected = "this cell was told to panic, seed 7")]
    fn a_panic_is_a_panic() {
        let _ = run("panic", 7);
    }
}
