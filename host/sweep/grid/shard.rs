//! Shards: parts of a sweep for several machines, which share nothing but the command.
//!
//! Never looks at a cell: which shard a cell belongs to follows from its place and from the number of places.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sample::mix;

/// The most shards of a sweep.
const MOST: u32 = 1_000_000;

/// The most places of a block. Cells that follow each other lie together, which files and memory like.
const BLOCK: u64 = 1024;

/// How many blocks each shard has at least, where there are cells enough: a block more or less is then 0.4 % of a shard.
const ROUNDS: u64 = 256;

/// One of the shards of a sweep. It is written `3/16`: the third of 16.
///
/// # Examples
///
/// ```
/// use host::sweep::grid::Shard;
///
/// let shard: Shard = "3/16".parse()?;
/// assert_eq!((shard.number(), shard.count(), shard.to_string().as_str()), (3, 16, "3/16"));
/// assert_eq!("17/16".parse::<Shard>().unwrap_err().to_string(), "there is no shard 17 of 16; shards are numbered from 1 to 16");
/// # Ok::<(), host::sweep::grid::ShardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    number: u32,
    count: u32,
}

/// Why a text is not a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The text has another form.
    #[error("`{0}` is not a shard; write its number and the number of shards, such as `3/16`")]
    Form(String),
    /// There are too many shards.
    #[error("`{0}` has too large a number; a sweep has at most {MOST} shards")]
    Large(String),
    /// There are no shards.
    #[error("shard {0}/0 is a part of nothing; give the number of shards behind the `/`, 1 or more")]
    None(u32),
    /// There is no shard of this number.
    #[error("there is no shard {number} of {count}; shards are numbered from 1 to {count}")]
    Number {
        /// The number given.
        number: u32,
        /// The number of shards.
        count: u32,
    },
}

impl Shard {
    /// Shard `number` of `count`; the first is 1.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such shard.
    pub fn new(number: u32, count: u32) -> Result<Self, ShardError> {
        match count {
            0 => Err(ShardError::None(number)),
            count if count > MOST => Err(ShardError::Large(format!("{number}/{count}"))),
            count if (1..=count).contains(&number) => Ok(Self { number, count }),
            count => Err(ShardError::Number { number, count }),
        }
    }

    /// The only shard of a sweep that is not divided.
    pub fn whole() -> Self {
        Self { number: 1, count: 1 }
    }

    /// Its number, from 1 on.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many shards the sweep has.
    pub fn count(self) -> u32 {
        self.count
    }

    /// All shards of the sweep, in their order.
    pub fn siblings(self) -> impl Iterator<Item = Self> {
        (1..=self.count).map(move |number| Self { number, ..self })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text.split_once('/').filter(|(number, count)| is_number(number) && is_number(count));
        let (number, count) = parts.ok_or_else(|| ShardError::Form(text.to_owned()))?;
        let read = |part: &str| part.parse().map_err(|_| ShardError::Large(text.to_owned()));
        Self::new(read(number)?, read(count)?)
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The places of a sweep that one shard has.
///
/// Places are cut into blocks of equal length, and blocks are dealt out in rounds, one to each shard. In which order follows
/// from a number that the round's own number is mixed into, so that no shard always gets the cells that constraints exclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    shard: Shard,
    /// Places of a block.
    block: u64,
}

impl Split {
    /// The part of `shard` in a sweep of `places` places.
    pub(crate) fn new(shard: Shard, places: u64) -> Self {
        Self { shard, block: (places / (u64::from(shard.count) * ROUNDS)).clamp(1, BLOCK) }
    }

    /// Returns true if the shard has `place`.
    pub(crate) fn has(&self, place: u64) -> bool {
        let block = place / self.block;
        block % self.shards() == self.turn(block / self.shards())
    }

    /// The first place from `place` on that the shard has; `None` beyond 64 bits.
    pub(crate) fn next_from(&self, place: u64) -> Option<u64> {
        let block = place / self.block;
        let (round, slot) = (block / self.shards(), block % self.shards());
        let mine = self.turn(round);
        let next = match slot.cmp(&mine) {
            std::cmp::Ordering::Equal => return Some(place),
            std::cmp::Ordering::Less => block - slot + mine,
            std::cmp::Ordering::Greater => {
                (block - slot).checked_add(self.shards())?.checked_add(self.turn(round + 1))?
            }
        };
        next.checked_mul(self.block)
    }

    /// How many of the first `places` places the shard has.
    pub(crate) fn count(&self, places: u64) -> u64 {
        let round = self.block * self.shards();
        let (rounds, rest) = (places / round, places % round);
        let before = self.turn(rounds) * self.block;
        rounds * self.block + rest.saturating_sub(before).min(self.block)
    }

    /// The number of shards.
    fn shards(&self) -> u64 {
        u64::from(self.shard.count)
    }

    /// Which block of `round` the shard gets, counted from 0.
    fn turn(&self, round: u64) -> u64 {
        (u64::from(self.shard.number - 1) + mix(round) % self.shards()) % self.shards()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_error(text: &str, expected: &str) {
        assert_eq!(text.parse::<Shard>().unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_shard_that_does_not_exist_is_refused_in_words() {
        check_error("17/16", "there is no shard 17 of 16; shards are numbered from 1 to 16");
        check_error("0/4", "there is no shard 0 of 4; shards are numbered from 1 to 4");
        check_error("3/0", "shard 3/0 is a part of nothing; give the number of shards behind the `/`, 1 or more");
        for text in ["", "3", "/", "3/", "/4", "a/b", "1/2/3", "-1/4", "+1/4", "1.0/4", " 1/4", "1 / 4"] {
            check_error(
                text,
                &format!("`{text}` is not a shard; write its number and the number of shards, such as `3/16`"),
            );
        }
        for text in ["1/1000001", "4294967296/4294967297", "99999999999999999999999/3"] {
            check_error(text, &format!("`{text}` has too large a number; a sweep has at most 1000000 shards"));
        }
        for text in ["1/1", "1/4", "4/4", "1000000/1000000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
    }

    fn splits(count: u32, places: u64) -> Vec<Split> {
        Shard::new(1, count).unwrap().siblings().map(|shard| Split::new(shard, places)).collect()
    }

    #[test]
    fn shards_have_about_as_many_places_as_each_other() {
        for (places, count, most) in [
            (5000, 16, 1),
            (5, 4, 1),
            (3, 16, 1),
            (100_000, 16, 24),
            (1_000_000, 16, 244),
            (10_000_000_000, 1000, 1024),
        ] {
            let counts: Vec<_> = splits(count, places).iter().map(|split| split.count(places)).collect();
            assert_eq!(counts.iter().sum::<u64>(), places);
            let (least, largest) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(largest - least <= most, "{places} on {count}: {least} to {largest}");
        }
    }

    #[test]
    fn a_shard_of_a_huge_sweep_is_found_by_jumping() {
        let places = u64::MAX;
        let split = Split::new("617/1000".parse().unwrap(), places);
        let (mut place, mut found) = (0, 0);
        for _ in 0..10_000 {
            let next = split.next_from(place).unwrap();
            assert!(split.has(next) && next - place < 2 * 1000 * BLOCK);
            found += 1;
            place = (next / BLOCK + 1) * BLOCK;
        }
        assert_eq!((found, split.next_from(u64::MAX - 5).is_none_or(|next| split.has(next))), (10_000, true));
    }

    proptest! {
        #[test]
        fn every_place_has_one_shard(places in 0u64..200_000, count in 1u32..40) {
            let splits = splits(count, places);
            for place in (0..places).step_by(1 + places as usize / 5000) {
                prop_assert_eq!(splits.iter().filter(|split| split.has(place)).count(), 1);
            }
            prop_assert_eq!(splits.iter().map(|split| split.count(places)).sum::<u64>(), places);
        }

        #[test]
        fn jumping_finds_what_a_walk_finds(places in 0u64..20_000, count in 1u32..40, number in 0u32..40) {
            let split = splits(count, places)[(number % count) as usize];
            let walked: Vec<_> = (0..places).filter(|place| split.has(*place)).collect();
            let jumped = std::iter::successors(split.next_from(0), |place| split.next_from(place + 1));
            let jumped: Vec<_> = jumped.take_while(|place| *place < places).collect();
            prop_assert_eq!(split.count(places), walked.len() as u64);
            prop_assert_eq!(walked, jumped);
        }
    }
}
