//! Fields of bars: what a column can mean, and the names that say so.
//!
//! Never looks at a file.

/// What a column can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Time,
    TimeOfDay,
    Open,
    High,
    Low,
    Close,
    Adjusted,
    Volume,
    Ticks,
    Symbol,
}

/// How a field is called: in messages, as an option of `--read`, and by files. Names are in lower case, letters and digits only.
struct Names {
    field: Field,
    title: &'static str,
    option: &'static str,
    /// Names that mean nothing else.
    known: &'static [&'static str],
    /// Names that are taken where none of the known ones is there, and that is said.
    likely: &'static [&'static str],
}

const ALL: [Names; 10] = [
    Names {
        field: Field::Time,
        title: "Date",
        option: "time",
        known: &[
            "дата",
            "日付",
            "日付け",
            "일자",
            "날짜",
            "tarih",
            "年月日",
            "date",
            "datetime",
            "timestamp",
            "time",
            "opentime",
            "ts",
            "t",
            "gmttime",
            "localtime",
            "windowstart",
            "tsevent",
            "starttime",
            "startat",
            "timeperiodstart",
            "tradedate",
            "tradetime",
            "observationdate",
            "snappedat",
            "timeutc",
            "dateutc",
            "timeopen",
            "beginsat",
            "mts",
            "dtyyyymmdd",
            "unix",
            "unixtime",
            "unixtimestamp",
            "epoch",
            "日期",
            "交易日期",
            "时间",
            "datum",
            "fecha",
            "data",
        ],
        likely: &["day", "begin", "start", "period", "month", "exchangedate"],
    },
    Names { field: Field::TimeOfDay, title: "Time", option: "time-of-day", known: &["time", "timeofday"], likely: &[] },
    Names {
        field: Field::Open,
        title: "Open",
        option: "open",
        known: &["open", "o", "openprice", "priceopen", "opening", "pxopen"],
        likely: &[
            "eröffn",
            "откр",
            "始値",
            "高开",
            "開盤價",
            "開盤",
            "시가",
            "açılış",
            "kursotwarcia",
            "openingprice",
            "premier",
            "première",
            "开盘",
            "开盘价",
            "otwarcie",
            "eröffnung",
            "erster",
            "ouv",
            "ouverture",
            "apertura",
            "abertura",
        ],
    },
    Names {
        field: Field::High,
        title: "High",
        option: "high",
        known: &["high", "h", "highprice", "pricehigh", "pxhigh"],
        likely: &[
            "plushaut",
            "макс",
            "高値",
            "最高價",
            "고가",
            "yüksek",
            "kursmax",
            "tageshoch",
            "高",
            "最高",
            "最高价",
            "najwyzszy",
            "hoch",
            "haut",
            "máximo",
            "maximo",
            "massimo",
            "máxima",
            "max",
        ],
    },
    Names {
        field: Field::Low,
        title: "Low",
        option: "low",
        known: &["low", "l", "lowprice", "pricelow", "pxlow"],
        likely: &[
            "plusbas",
            "мин",
            "安値",
            "最低價",
            "저가",
            "düşük",
            "kursmin",
            "tagestief",
            "低",
            "最低",
            "最低价",
            "najnizszy",
            "tief",
            "bas",
            "mínimo",
            "minimo",
            "mínima",
            "min",
        ],
    },
    Names {
        field: Field::Close,
        title: "Close",
        option: "close",
        known: &["close", "c", "closeprice", "priceclose"],
        likely: &[
            "zuletzt",
            "цена",
            "終値",
            "收盤價",
            "收盤",
            "종가",
            "şimdi",
            "kapanış",
            "kurszamknięcia",
            "closelast",
            "last",
            "lastprice",
            "pxlast",
            "price",
            "settle",
            "settlement",
            "settlementprice",
            "closing",
            "closingprice",
            "value",
            "nav",
            "收盘",
            "收盘价",
            "zamkniecie",
            "schluss",
            "schlusskurs",
            "dernier",
            "clôture",
            "cloture",
            "clot",
            "cierre",
            "último",
            "ultimo",
            "chiusura",
            "fechamento",
        ],
    },
    Names {
        field: Field::Adjusted,
        title: "Adj Close",
        option: "adj-close",
        known: &["adjclose", "adjustedclose"],
        likely: &[],
    },
    Names {
        field: Field::Volume,
        title: "Volume",
        option: "volume",
        known: &["volume", "vol", "v", "volumetraded", "pxvolume", "tradingvolume"],
        likely: &[
            "объём",
            "объем",
            "出来高",
            "交易量",
            "成交股數",
            "거래량",
            "hacim",
            "obroty",
            "totalvolume",
            "sharevolume",
            "tottrdqty",
            "noofshares",
            "numberofshares",
            "shares",
            "stuecke",
            "stücke",
            "qty",
            "成交量",
            "wolumen",
            "volumen",
        ],
    },
    Names {
        field: Field::Ticks,
        title: "Tick Volume",
        option: "volume",
        known: &["tickvol", "tickvolume"],
        likely: &[],
    },
    Names {
        field: Field::Symbol,
        title: "Symbol",
        option: "symbol",
        known: &["symbol", "ticker", "instrument", "asset"],
        likely: &["tscode", "tic", "sym", "secid", "pair", "股票代码"],
    },
];

impl Field {
    /// Every field that a column can be said to be.
    pub(super) const ALL: [Self; 9] = [
        Self::Time,
        Self::TimeOfDay,
        Self::Open,
        Self::High,
        Self::Low,
        Self::Close,
        Self::Adjusted,
        Self::Volume,
        Self::Symbol,
    ];

    /// The field that an option of `--read` is called after.
    pub(super) fn named(option: &str) -> Option<Self> {
        ALL.iter().find(|names| names.option == option).map(|names| names.field)
    }

    fn names(self) -> &'static Names {
        let position = ALL.iter().position(|names| names.field == self);
        &ALL[position.unwrap_or_default()]
    }

    /// The name that most files have.
    pub(super) fn title(self) -> &'static str {
        self.names().title
    }

    /// The option of `--read` that names the column.
    pub(super) fn option(self) -> &'static str {
        self.names().option
    }

    /// The names that mean this field and nothing else.
    pub(super) fn known(self) -> &'static [&'static str] {
        self.names().known
    }

    /// Whether a column called `key` means this field, where no known name is there.
    pub(super) fn is_likely(self, key: &str) -> bool {
        self.names().likely.contains(&key) || self == Self::Volume && is_volume_of(key)
    }
}

/// Whether a name is that of a volume counted in some unit: `Volume BTC`, `Volume_(Currency)`.
fn is_volume_of(key: &str) -> bool {
    const LONGEST: usize = 8;
    let unit = key.strip_prefix("volume");
    unit.is_some_and(|unit| (2..=LONGEST).contains(&unit.len()) && !matches!(unit, "ma" | "avg" | "sma" | "change"))
}

/// Lower case, letters and digits only, without a number in front: `<OPEN>`, `1. open` and `Open` are the same name.
pub(super) fn normal(name: &str) -> String {
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    letters.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// The name of a column of times without the zone that stands behind it: `Time (EET)`, `Date (GMT)`.
pub(super) fn without_zone(name: &str) -> Option<(&str, &str)> {
    let (name, zone) = name.trim().strip_suffix(')')?.split_once('(')?;
    (!zone.is_empty()).then_some((name.trim(), zone.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_fields_but_time() {
        for (at, names) in ALL.iter().enumerate() {
            assert_eq!(names.field.names().title, names.title);
            for name in names.known.iter().chain(names.likely) {
                assert_eq!(normal(name), **name);
                let others = ALL.iter().enumerate().filter(|(other, _)| *other != at);
                let shared =
                    others.flat_map(|(_, other)| other.known.iter().chain(other.likely)).find(|other| *other == name);
                assert!(shared.is_none() || *name == "time", "{name}");
            }
        }
    }

    #[test]
    fn a_unit_may_stand_behind_volume() {
        for name in ["Volume BTC", "Volume_(BTC)", "Volume USDT", "Volume_(Currency)"] {
            assert!(Field::Volume.is_likely(&normal(name)), "{name}");
        }
        for name in ["Volume MA", "volumeweightedaverage", "BidVolume"] {
            assert!(!Field::Volume.is_likely(&normal(name)), "{name}");
        }
        assert_eq!(without_zone("Time (EET)"), Some(("Time", "EET")));
        assert_eq!(without_zone("Time"), None);
    }
}
