//! Gains, losses and quantiles of the returns, by selection instead of sorting.
//!
//! Never sorts the returns: a few of them tell between which bounds a quantile must lie, and only what lies there is selected
//! from.

use super::{
    Metrics, Scratch,
    lanes::{LANES, Lanes, Work, above},
    odds, ratio,
    returns::Returns,
    sums,
};
use crate::broker::Ledger;

/// The fewest returns of which some tell where a quantile lies.
const MANY: usize = 256;

/// Memory that the tails need, kept from one run to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct TailScratch {
    /// The returns in both tails, in the order of time.
    outer: Vec<f64>,
    /// How many of `outer` are those of the run that is being measured.
    kept: usize,
    /// Those of one tail.
    side: Vec<f64>,
    keys: Vec<i64>,
}

impl Metrics {
    /// What the list of returns gives: gains against losses, and tails.
    pub(super) fn distribution(&mut self, ledger: &Ledger, scratch: &mut Scratch) {
        let (lanes, mut tails) = (scratch.lanes, std::mem::take(&mut scratch.tails));
        let returns = &Returns::of(ledger, scratch);
        let found = lanes.run(Distribution { returns, scratch: &mut tails });
        self.spread(returns, &found);
        scratch.tails = tails;
    }

    fn spread(&mut self, returns: &Returns<'_>, found: &Found) {
        let Found { gains, losses, tails } = *found;
        self.omega = odds(gains, losses);
        let Some(Tails { low, high, fallen, count }) = tails else { return };
        self.var_95 = Some(low);
        // With interpolation, at least the smallest return lies at or below the quantile.
        let still = if low >= 0.0 { returns.still as f64 } else { 0.0 };
        self.cvar_95 = ratio(fallen, count + still);
        self.tail_ratio = odds(high.abs(), low.abs());
    }
}

/// What a distribution amounts to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    gains: f64,
    losses: f64,
    /// `None` without returns.
    tails: Option<Tails>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Tails {
    /// The 5 % and the 95 % quantile.
    low: f64,
    high: f64,
    /// The sum of the listed returns at or below the lower one, and how many they are.
    fallen: f64,
    count: f64,
}

struct Distribution<'a> {
    returns: &'a Returns<'a>,
    scratch: &'a mut TailScratch,
}

impl Work for Distribution<'_> {
    type Found = Found;

    #[inline(always)]
    fn on<L: Lanes>(self) -> Found {
        let Self { returns, scratch } = self;
        let moved = returns.moved;
        let Some(last) = (moved.len() + returns.still).checked_sub(1) else {
            return Found { gains: 0.0, losses: 0.0, tails: None };
        };
        // Each quantile is interpolated linearly between the ranks on both sides of `(n - 1) x q`, counted from 0 (numpy's
        // default; type 7 of Hyndman and Fan). In the mirror the high tail is a low one.
        let [low, high] = [0.05, 0.95].map(|q| last as f64 * q);
        let ranks = [low as usize, last - (high as usize + 1).min(last)];
        let brackets = brackets(moved, ranks, &mut scratch.keys);
        let inner = brackets.map(|[low, high]| (low.1.next_up(), -high.1.next_up()));
        let (gains, losses) = split::<L>(moved, inner, scratch);
        let [low_bracket, high_bracket] = brackets.map_or([None; 2], |brackets| brackets.map(Some));
        let (below, above) = near::<L>(returns, low_bracket, false, ranks[0], scratch);
        let low = between(below, above, low);
        let (above, below) = near::<L>(returns, high_bracket, true, ranks[1], scratch);
        let high = between(-below, -above, high);
        let is_outer = inner.is_some_and(|(from, _)| low < from);
        let source = if is_outer { &scratch.outer[..scratch.kept] } else { moved };
        let fallen = up_to::<L>(source, low, &mut scratch.side);
        let (sum, count) = (sums::sum(fallen, |r| r), fallen.len() as f64);
        Found { gains, losses, tails: Some(Tails { low, high, fallen: sum, count }) }
    }
}

/// The values at `rank` and at the next one. In the mirror the greatest return has the first rank.
#[inline(always)]
fn near<L: Lanes>(
    returns: &Returns<'_>,
    bracket: Option<Bracket>,
    mirrored: bool,
    rank: usize,
    scratch: &mut TailScratch,
) -> (f64, f64) {
    if let Some(bracket) = bracket
        && let Some(found) = within::<L>(bracket, mirrored, rank, scratch)
    {
        return found;
    }
    neighbours(returns, mirrored, rank, &mut scratch.keys)
}

/// What lies between two ranks.
fn between(below: f64, above: f64, rank: f64) -> f64 {
    below + (above - below) * (rank - rank.floor())
}

/// Bounds between which the values at some rank and at the next one are likely to lie, or on one of them.
type Bracket = (f64, f64);

/// The brackets of both tails, the high one in the mirror: from where some returns, picked at equal distances, have the ranks. `None`
/// where returns are few, or tails reach the zeros.
fn brackets(moved: &[f64], ranks: [usize; 2], keys: &mut Vec<i64>) -> Option<[Bracket; 2]> {
    if moved.len() < MANY {
        return None;
    }
    // As many samples as keep both selections short, that from the samples and that from what is between the bounds.
    let samples = 4 * moved.len().isqrt();
    keys.clear();
    keys.extend(moved.iter().step_by(moved.len() / samples).map(|&r| as_key(r)));
    let [low, high] = ranks.map(|rank| rank as f64 / moved.len() as f64);
    let low = bracket(keys, low)?;
    keys.iter_mut().for_each(|key| *key = as_key(-value(*key)));
    let high = bracket(keys, high)?;
    (low.1 < 0.0 && high.1 < 0.0).then_some([low, high])
}

/// Where a `share` of all lies: between two of the samples, three standard deviations of their number apart on each side.
fn bracket(samples: &mut [i64], share: f64) -> Option<Bracket> {
    let expected = share * samples.len() as f64;
    let doubt = 3.0 * expected.sqrt() + 1.0;
    let (from, to) = (expected - doubt, (expected + doubt) as usize + 1);
    if to >= samples.len() {
        return None;
    }
    let (before, &mut bound, _) = samples.select_nth_unstable(to);
    let low = (from >= 0.0).then(|| *before.select_nth_unstable(from as usize).1);
    Some((low.map_or(f64::NEG_INFINITY, value), value(bound)))
}

/// Sums the gains and the losses, and leaves in `scratch` the returns that do not lie within `inner`, in their order.
#[inline(always)]
fn split<L: Lanes>(returns: &[f64], inner: Option<(f64, f64)>, scratch: &mut TailScratch) -> (f64, f64) {
    let outer = &mut scratch.outer;
    make_room(outer, returns.len());
    let zero = L::each(0.0);
    let bounds = inner.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let (from, to) = (L::each(bounds.0), L::each(bounds.1));
    let (mut gains, mut losses, mut kept) = (zero, zero, 0);
    let (sets, rest) = returns.as_chunks();
    for set in sets {
        let r = L::load(set);
        gains = gains + r.above(zero);
        losses = losses + (zero - r).above(zero);
        kept = keep(r, !r.between(from, to) & ALL, outer, kept);
    }
    let [mut gains, mut losses] = [gains, losses].map(L::store);
    for &r in rest {
        gains[0] += above(r, 0.0);
        losses[0] += above(-r, 0.0);
        kept = keep_one(r, !(bounds.0..=bounds.1).contains(&r), outer, kept);
    }
    scratch.kept = kept;
    let sum = |lanes: [f64; LANES]| lanes.iter().fold(0.0, |sum, lane| sum + lane);
    (sum(gains), sum(losses))
}

/// The values at `rank` and at the next one, if they lie within the bracket. In the mirror the greatest return has the first rank.
#[inline(always)]
fn within<L: Lanes>((from, to): Bracket, mirrored: bool, rank: usize, scratch: &mut TailScratch) -> Option<(f64, f64)> {
    let TailScratch { outer, kept, side, keys } = scratch;
    let outer = &outer[..*kept];
    make_room(side, outer.len());
    let turn = |(from, to): (f64, f64)| if mirrored { (-to, -from) } else { (from, to) };
    let (outward, bracket) = (turn((f64::NEG_INFINITY, from.next_down())), turn((from, to)));
    let (outward_from, outward_to) = (L::each(outward.0), L::each(outward.1));
    let (from, to) = (L::each(bracket.0), L::each(bracket.1));
    let (mut beyond, mut kept) = (0, 0);
    let (sets, rest) = outer.as_chunks();
    for set in sets {
        let r = L::load(set);
        beyond += r.between(outward_from, outward_to).count_ones() as usize;
        kept = keep(r, r.between(from, to), side, kept);
    }
    for &r in rest {
        beyond += usize::from((outward.0..=outward.1).contains(&r));
        kept = keep_one(r, (bracket.0..=bracket.1).contains(&r), side, kept);
    }
    let rank = rank.checked_sub(beyond).filter(|rank| rank + 1 < kept)?;
    let sign = if mirrored { -1.0 } else { 1.0 };
    keys.clear();
    keys.extend(side[..kept].iter().map(|r| as_key(sign * r)));
    Some(selected(keys, rank))
}

/// The returns at or below `bound`, in their order.
#[inline(always)]
fn up_to<'a, L: Lanes>(returns: &[f64], bound: f64, side: &'a mut Vec<f64>) -> &'a [f64] {
    make_room(side, returns.len());
    let mut kept = 0;
    let (sets, rest) = returns.as_chunks();
    for set in sets {
        let r = L::load(set);
        kept = keep(r, r.between(L::each(f64::NEG_INFINITY), L::each(bound)), side, kept);
    }
    for &r in rest {
        kept = keep_one(r, r <= bound, side, kept);
    }
    &side[..kept]
}

/// All lanes.
const ALL: usize = (1 << LANES) - 1;

/// Makes room for so many numbers, and for one set of lanes that overlaps their end.
fn make_room(list: &mut Vec<f64>, count: usize) {
    let room = count + LANES;
    list.resize(room.max(list.len()), 0.0);
}

/// Writes the chosen lanes to `list` from `kept` on; returns where the next ones go.
#[inline(always)]
fn keep<L: Lanes>(r: L, lanes: usize, list: &mut [f64], kept: usize) -> usize {
    r.keep(lanes, list[kept..].first_chunk_mut().expect("there is room for a set of lanes"));
    kept + lanes.count_ones() as usize
}

#[inline(always)]
fn keep_one(r: f64, is_chosen: bool, list: &mut [f64], kept: usize) -> usize {
    list[kept] = r;
    kept + usize::from(is_chosen)
}

/// The values at `rank` and at the next one, from all returns. In the mirror the greatest return has the first rank.
fn neighbours(returns: &Returns<'_>, mirrored: bool, rank: usize, keys: &mut Vec<i64>) -> (f64, f64) {
    let sign = if mirrored { -1.0 } else { 1.0 };
    let all = || returns.moved.iter().map(|&r| sign * r);
    // Without a branch: none is foreseeable.
    let mut losses = 0;
    keys.resize(returns.moved.len() + 1, 0);
    for r in all() {
        keys[losses] = as_key(r);
        losses += usize::from(r < 0.0);
    }
    keys.truncate(losses);
    let zeros = returns.still + all().filter(|r| *r == 0.0).count();
    if rank + 1 < losses {
        return selected(keys, rank);
    }
    if rank + 1 < losses + zeros {
        let least_loss = keys.iter().max().filter(|_| rank < losses);
        return (least_loss.map_or(0.0, |&key| value(key)), 0.0);
    }
    keys.clear();
    keys.extend(all().map(as_key));
    keys.resize(keys.len() + returns.still, as_key(0.0));
    selected(keys, rank)
}

/// The values of `rank` and of the next one; the last counts as its own next. Leaves `keys` in another order.
fn selected(keys: &mut [i64], rank: usize) -> (f64, f64) {
    let next = (rank + 1).min(keys.len() - 1);
    let (before, &mut above, _) = keys.select_nth_unstable(next);
    let below = before.iter().max().map_or(above, |&below| below);
    (value(below), value(above))
}

fn as_key(number: f64) -> i64 {
    key(number.to_bits() as i64)
}

/// Maps the bits of a number to an integer of the same rank, and such an integer back: the order of
/// [`f64::total_cmp`], which integers compare faster.
fn key(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn value(rank: i64) -> f64 {
    f64::from_bits(key(rank) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::lanes::Kind;

    fn found(returns: &Returns<'_>, lanes: Kind) -> Found {
        lanes.run(Distribution { returns, scratch: &mut TailScratch::default() })
    }

    fn tails(returns: &Returns<'_>) -> Option<[f64; 2]> {
        found(returns, Kind::Fastest).tails.map(|tails| [tails.low, tails.high])
    }

    fn check(returns: &[f64], low: f64, high: f64) {
        assert_eq!(tails(&Returns { moved: returns, still: 0 }), Some([low, high]));
        let moved: Vec<_> = returns.iter().copied().filter(|r| *r != 0.0).collect();
        assert_eq!(tails(&Returns { moved: &moved, still: returns.len() - moved.len() }), Some([low, high]));
    }

    #[test]
    fn quantiles_lie_between_the_ranks() {
        check(&[3.0], 3.0, 3.0);
        check(&[1.0, -1.0], -0.9, 0.8999999999999999);
        let hundred: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        check(&hundred, 5.0, 95.0);
        check(&[0.0; 50], 0.0, 0.0);
        assert_eq!(tails(&Returns { moved: &[], still: 0 }), None);
    }

    #[test]
    fn a_tail_may_end_at_the_zeros() {
        // Of 21 the second from each end counts: with one loss it is a zero, with two the lesser loss.
        let mut returns = [0.0; 21];
        (returns[3], returns[4]) = (-2.0, 1.0);
        check(&returns, 0.0, 0.0);
        (returns[5], returns[6]) = (-1.0, 3.0);
        check(&returns, -1.0, 1.0);
        // The ranks on both sides are those of the lesser loss and of a zero.
        check(&[&returns[..], &[0.0; 10]].concat(), -0.5, 0.5);
    }

    #[test]
    fn integers_rank_as_their_numbers_do() {
        let numbers = [f64::MIN, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, f64::MAX];
        let keys = numbers.map(|n| key(n.to_bits() as i64));
        assert!(keys.is_sorted());
        assert_eq!(keys.map(value), numbers);
    }

    /// The distribution by sorting.
    fn slow(moved: &[f64], still: usize) -> (f64, f64, f64, usize) {
        let mut sorted = [moved, &vec![0.0; still]].concat();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let quantile = |q: f64| {
            let rank = (sorted.len() - 1) as f64 * q;
            let [below, above] = [rank.floor(), rank.ceil()].map(|rank| sorted[rank as usize]);
            below + (above - below) * (rank - rank.floor())
        };
        let (low, high) = (quantile(0.05), quantile(0.95));
        let fallen: Vec<_> = moved.iter().filter(|r| **r <= low).collect();
        (low, high, fallen.iter().copied().sum(), fallen.len())
    }

    fn many_returns() -> impl Strategy<Value = Vec<f64>> {
        let one = prop_oneof![
            8 => -1.0..1.0f64,
            3 => prop::sample::select(&[0.0, -0.0, 0.25, -0.25, 0.75][..]),
            1 => -1e3..1e3f64,
        ];
        let of = |one: BoxedStrategy<f64>| prop::collection::vec(one, 1..3000);
        let trending = prop::collection::vec(-1.0..0.3f64, 300..3000).prop_map(|mut all| {
            all.sort_by(f64::total_cmp);
            all
        });
        prop_oneof![4 => of(one.boxed()), 1 => of((-0.1..1.0f64).boxed()), 1 => of((-1.0..0.01f64).boxed()), 1 => trending]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn selection_finds_what_sorting_finds(moved in many_returns(), still in prop_oneof![Just(0), 0usize..6000]) {
            let returns = Returns { moved: &moved, still };
            let [fastest, portable] = [Kind::Fastest, Kind::Portable].map(|kind| found(&returns, kind));
            prop_assert_eq!(fastest, portable);
            let tails = fastest.tails.unwrap();
            let (low, high, fallen, count) = slow(&moved, still);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            prop_assert_eq!((tails.low, tails.count), (low, count as f64));
            // In the mirror the same is rounded from the other end.
            prop_assert!(near(tails.high, high), "{} {high}", tails.high);
            prop_assert!((tails.fallen - fallen).abs() <= 1e-9 * (1.0 + fallen.abs()), "{} {fallen}", tails.fallen);
            let gains: f64 = moved.iter().map(|r| r.max(0.0)).sum();
            let losses: f64 = moved.iter().map(|r| (-r).max(0.0)).sum();
            prop_assert!((fastest.gains - gains).abs() <= 1e-9 * (1.0 + gains), "{} {gains}", fastest.gains);
            prop_assert!((fastest.losses - losses).abs() <= 1e-9 * (1.0 + losses), "{} {losses}", fastest.losses);
        }
    }

    #[test]
    fn brackets_hold_the_ranks_and_little_more() {
        const COUNT: usize = 100_003;
        let moved: Vec<f64> = (0..COUNT).map(|place| (place * 7919 % COUNT) as f64 / COUNT as f64 - 0.5).collect();
        let ranks = [COUNT / 20, COUNT / 20 + 5];
        for ((from, to), rank) in brackets(&moved, ranks, &mut Vec::new()).unwrap().into_iter().zip(ranks) {
            // The returns are all places once, and the same in the mirror.
            let [from, to] = [from, to].map(|bound| ((bound + 0.5) * COUNT as f64) as usize);
            assert!(from < rank && rank + 1 < to && to - from < COUNT / 10, "{rank} in {from}..{to}");
        }
        assert_eq!(brackets(&moved[..MANY - 1], [5, 5], &mut Vec::new()), None);
        assert_eq!(brackets(&[0.0; 1000], [50, 50], &mut Vec::new()), None);
    }
}
