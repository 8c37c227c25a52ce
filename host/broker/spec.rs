//! Settings as data: tables of optional values, read key by key from any format that serde knows.
//!
//! Never checks a number: [`Settings::check`](super::Settings::check) does.

use std::{collections::HashSet, fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::model::nearest::unknown;

/// A table of settings, each of which may be left out.
pub(crate) trait Keys: Default {
    /// What stands before a key in messages.
    const PREFIX: &str;

    /// The keys.
    fn names() -> Vec<&'static str>;

    /// Keys of tables inside of this one, with their table's name, for suggestions.
    fn inner_names() -> Vec<String> {
        Vec::new()
    }

    /// Takes the value of `key`, which is one of the names, out of `map`.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// A type of setting that one plain value gives.
pub(crate) trait Setting: Sized {
    /// Reads a value other than null. The problem does not name the key.
    fn read(value: Scalar) -> Result<Self, String>;
}

/// A plain value, as formats have them.
#[derive(Debug)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    /// A list or a table.
    Composite,
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Composite => f.write_str("a list or a table"),
        }
    }
}

impl Setting for f64 {
    fn read(value: Scalar) -> Result<Self, String> {
        match value {
            Scalar::Number(number) => Ok(number),
            other => Err(format!("{other} is not a number")),
        }
    }
}

impl Setting for usize {
    fn read(value: Scalar) -> Result<Self, String> {
        match value {
            // Whole numbers up to this one are exact.
            Scalar::Number(number) if number.trunc() == number && (0.0..=9e15).contains(&number) => Ok(number as Self),
            other => Err(format!("{other} is not a whole number of 0 or more")),
        }
    }
}

impl Setting for bool {
    fn read(value: Scalar) -> Result<Self, String> {
        match value {
            Scalar::Boolean(value) => Ok(value),
            other => Err(format!("{other} is not `true` or `false`")),
        }
    }
}

/// Reads a setting that is written as a text.
pub(crate) fn text<T: FromStr<Err: fmt::Display>>(value: Scalar) -> Result<T, String> {
    match value {
        Scalar::Text(text) => text.parse().map_err(|error: T::Err| error.to_string()),
        other => Err(format!("{other} is not a text")),
    }
}

/// Takes the value of `key` out of `map`; null is as good as none.
pub(crate) fn value<'de, K: Keys, T: Setting, A: MapAccess<'de>>(
    key: &str,
    map: &mut A,
) -> Result<Option<T>, A::Error> {
    map.next_value_seed(Value::<K, T> { key, kinds: PhantomData })
}

/// Reads a table of settings. An unknown key is refused with the nearest known one, and a key that comes twice is refused.
pub(crate) fn read<'de, T: Keys, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
    source.deserialize_map(Table(PhantomData))
}

/// Reads a value, and names its key where it cannot.
struct Value<'a, K, T> {
    key: &'a str,
    kinds: PhantomData<(K, T)>,
}

impl<'de, K: Keys, T: Setting> DeserializeSeed<'de> for Value<'_, K, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Option<T>, D::Error> {
        match Scalar::deserialize(source)? {
            Scalar::Null => Ok(None),
            value => {
                let problem = |problem| D::Error::custom(format_args!("`{}{}`: {problem}", K::PREFIX, self.key));
                T::read(value).map(Some).map_err(problem)
            }
        }
    }
}

/// Reads a key. Checked here and not later, so that formats that know its place can tell it.
struct Key<'a, K> {
    seen: &'a mut HashSet<String>,
    table: PhantomData<K>,
}

impl<'de, K: Keys> DeserializeSeed<'de> for Key<'_, K> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<String, D::Error> {
        let key = String::deserialize(source)?;
        let names = K::names();
        if !names.contains(&key.as_str()) {
            let inner = K::inner_names();
            let known = names.into_iter().chain(inner.iter().map(String::as_str));
            let what = if K::PREFIX.is_empty() { "key" } else { "rule" };
            return Err(D::Error::custom(unknown(what, &key, known)));
        }
        if !self.seen.insert(key.clone()) {
            return Err(D::Error::custom(format_args!("`{}{key}` is given twice", K::PREFIX)));
        }
        Ok(key)
    }
}

struct Table<K>(PhantomData<K>);

impl<'de, K: Keys> Visitor<'de> for Table<K> {
    type Value = K;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if K::PREFIX.is_empty() { "a table of settings" } else { "a table of rules" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<K, A::Error> {
        let (mut table, mut seen) = (K::default(), HashSet::new());
        while let Some(key) = map.next_key_seed(Key::<K> { seen: &mut seen, table: PhantomData })? {
            table.take(&key, &mut map)?;
        }
        Ok(table)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true or false")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }
}
