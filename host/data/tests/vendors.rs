//! Files as vendors and programs write them, after their manuals: the same bars of each.

use jiff::{Span, civil::DateTime};

use super::{csv, plain};
use crate::model::Series;

/// A bar with the time that a clock shows.
struct Row {
    at: DateTime,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: u64,
}

const BARS: usize = 45;

/// Bars of days, or of minutes, from 2024-01-02 on.
fn rows(are_minutes: bool) -> Vec<Row> {
    let begin = if are_minutes { "2024-01-31T09:30" } else { "2024-01-02T00:00" };
    let begin: DateTime = begin.parse().unwrap();
    let row = |bar: usize| {
        let step = bar as i64;
        let span = if are_minutes { Span::new().minutes(step) } else { Span::new().days(step) };
        let cents = |plus: usize| (117_300 + bar * bar * 7 % 911 + plus) as f64 / 100.0;
        Row {
            at: begin.checked_add(span).unwrap(),
            open: cents(150),
            high: cents(413),
            low: cents(1),
            close: cents(220),
            volume: 10_000 * (bar as u64 % 9 + 1),
        }
    };
    (0..BARS).map(row).collect()
}

impl Row {
    fn time(&self, form: &str) -> String {
        self.at.strftime(form).to_string()
    }

    /// Open, high, low and close with `mark` between them.
    fn prices(&self, mark: &str) -> String {
        [self.open, self.high, self.low, self.close].map(|price| format!("{price:.2}")).join(mark)
    }

    fn epoch(&self) -> i64 {
        self.at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()
    }
}

/// How a vendor writes a row.
type Write = fn(&Row) -> String;

fn dollars(price: f64) -> String {
    format!("${price:.2}")
}

fn grouped(price: f64) -> String {
    let text = format!("{price:.2}");
    format!("\"{},{}\"", &text[..1], &text[1..])
}

fn comma(price: f64) -> String {
    format!("{price:.2}").replace('.', ",")
}

/// The name of the vendor, the instrument that the file names, whether bars are of minutes, whether the newest is first, what
/// stands before the rows, and a row.
type Vendor = (&'static str, &'static str, bool, bool, &'static str, Write);

const VENDORS: [Vendor; 31] = [
    (
        "Polygon flat file",
        "ACME",
        true,
        false,
        "ticker,volume,open,close,high,low,window_start,transactions\n",
        |row| {
            let Row { open, high, low, close, volume, .. } = row;
            format!("ACME,{volume},{open},{close},{high},{low},{}000000000,71", row.epoch())
        },
    ),
    (
        "Databento, prices with points",
        "ACME",
        true,
        false,
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n",
        |row| format!("{},33,2,7,{},{},ACME", row.time("%Y-%m-%dT%H:%M:%S.000000000Z"), row.prices(","), row.volume),
    ),
    ("Dukascopy", "a", true, false, "Gmt time,Open,High,Low,Close,Volume\n", |row| {
        format!("{},{},{}", row.time("%d.%m.%Y %H:%M:%S.000"), row.prices(","), row.volume)
    }),
    (
        "investing.com",
        "a",
        false,
        true,
        "\u{feff}\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n",
        |row| {
            let prices = [row.close, row.open, row.high, row.low].map(grouped).join(",");
            format!("\"{}\",{prices},\"{:.2}K\",\"0.41%\"", row.time("%m/%d/%Y"), row.volume as f64 / 1000.0)
        },
    ),
    (
        "investing.com, German",
        "a",
        false,
        true,
        "\"Datum\",\"Zuletzt\",\"Eröffn.\",\"Hoch\",\"Tief\",\"Vol.\",\"+/- %\"\n",
        |row| {
            let prices =
                [row.close, row.open, row.high, row.low].map(|price| format!("\"{}\"", comma(price))).join(",");
            format!("\"{}\",{prices},\"{},00K\",\"0,41%\"", row.time("%d.%m.%Y"), row.volume / 1000)
        },
    ),
    (
        "investing.com, Japanese",
        "a",
        false,
        true,
        "\"日付け\",\"終値\",\"始値\",\"高値\",\"安値\",\"出来高\",\"変化率 %\"\n",
        |row| {
            let prices = [row.close, row.open, row.high, row.low].map(grouped).join(",");
            format!("\"{}\",{prices},\"{:.2}K\",\"0.41%\"", row.time("%Y-%m-%d"), row.volume as f64 / 1000.0)
        },
    ),
    ("KRX", "a", false, true, "일자,종가,대비,등락률,시가,고가,저가,거래량\n", |row| {
        let Row { open, high, low, close, volume, .. } = row;
        format!("{},{close},1,0.1,{open},{high},{low},{volume}", row.time("%Y/%m/%d"))
    }),
    ("Hyperliquid", "a", true, false, "t,T,s,i,o,c,h,l,v,n\n", |row| {
        let Row { open, high, low, close, volume, .. } = row;
        format!("{}000,{}999,BTC,1m,{open},{close},{high},{low},{volume},3", row.epoch(), row.epoch() + 59)
    }),
    ("nasdaq.com", "a", false, true, "Date,Close/Last,Volume,Open,High,Low\n", |row| {
        let prices = [row.open, row.high, row.low].map(dollars).join(",");
        format!("{},{},{},{prices}", row.time("%m/%d/%Y"), dollars(row.close), row.volume)
    }),
    (
        "TradeStation",
        "a",
        true,
        false,
        "\"Date\",\"Time\",\"Open\",\"High\",\"Low\",\"Close\",\"Vol\",\"OI\"\n",
        |row| format!("{},{},{},{},0", row.time("%m/%d/%Y"), row.time("%H%M"), row.prices(","), row.volume),
    ),
    ("ib_async", "a", true, false, ",date,open,high,low,close,volume,average,barCount\n", |row| {
        format!("0,{},{},{}.0,1.0,9", row.time("%Y-%m-%d %H:%M:%S"), row.prices(","), row.volume)
    }),
    (
        "Tushare",
        "600519.SH",
        false,
        true,
        "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n",
        |row| format!("600519.SH,{},{},1.0,0.5,0.1,{}.0,12.5", row.time("%Y%m%d"), row.prices(","), row.volume),
    ),
    ("akshare", "a", false, false, "日期,开盘,收盘,最高,最低,成交量,成交额\n", |row| {
        let Row { open, high, low, close, volume, .. } = row;
        format!("{},{open},{close},{high},{low},{volume},1.0", row.time("%Y-%m-%d"))
    }),
    (
        "CryptoDataDownload",
        "BTC/USDT",
        true,
        true,
        "https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n",
        |row| {
            format!(
                "{}000,{},BTC/USDT,{},{},1.0,3",
                row.epoch(),
                row.time("%Y-%m-%d %H:%M:%S"),
                row.prices(","),
                row.volume
            )
        },
    ),
    ("Binance", "a", true, false, "", |row| {
        format!("{}000,{},{}.0,{}999,1.0,3,1.0,1.0,0", row.epoch(), row.prices(","), row.volume, row.epoch())
    }),
    ("Kraken", "a", true, false, "", |row| format!("{},{},{},3", row.epoch(), row.prices(","), row.volume)),
    ("MetaTrader 4", "a", true, false, "", |row| {
        format!("{},{},{}", row.time("%Y.%m.%d,%H:%M"), row.prices(","), row.volume)
    }),
    (
        "MetaTrader 5",
        "a",
        true,
        false,
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n",
        |row| format!("{}\t{}\t{}\t0\t2", row.time("%Y.%m.%d\t%H:%M:%S"), row.prices("\t"), row.volume),
    ),
    ("HistData", "a", true, false, "", |row| {
        format!("{};{};{}", row.time("%Y%m%d %H%M%S"), row.prices(";"), row.volume)
    }),
    ("NinjaTrader, days", "a", false, false, "", |row| {
        format!("{};{};{}", row.time("%Y%m%d"), row.prices(";"), row.volume)
    }),
    (
        "Sierra Chart",
        "a",
        true,
        false,
        "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n",
        |row| format!("{}, {}, {}, 3, 1, 2", row.time("%Y/%-m/%-d, %H:%M:%S.000000"), row.prices(", "), row.volume),
    ),
    ("Alpha Vantage", "a", false, true, "timestamp,open,high,low,close,volume\n", |row| {
        format!("{},{},{}", row.time("%Y-%m-%d"), row.prices(","), row.volume)
    }),
    ("EODHD", "a", false, false, "Date,Open,High,Low,Close,Adjusted_close,Volume\n", |row| {
        format!("{},{},1.5,{}", row.time("%Y-%m-%d"), row.prices(","), row.volume)
    }),
    ("Stooq, Polish page", "a", false, false, "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n", |row| {
        format!("{},{},{}", row.time("%Y-%m-%d"), row.prices(","), row.volume)
    }),
    (
        "yfinance, one ticker",
        "ACME",
        false,
        false,
        "Price,Close,High,Low,Open,Volume\nTicker,ACME,ACME,ACME,ACME,ACME\nDate,,,,,\n",
        |row| {
            let Row { open, high, low, close, volume, .. } = row;
            format!("{},{close},{high},{low},{open},{volume}", row.time("%Y-%m-%d"))
        },
    ),
    ("Excel in German", "a", false, false, "sep=;\nDatum;Eröffnung;Hoch;Tief;Schluss;Volumen\n", |row| {
        let prices = [row.open, row.high, row.low, row.close].map(comma).join(";");
        format!("{};{prices};{}", row.time("%d.%m.%Y"), row.volume)
    }),
    ("Yahoo's page", "a", false, true, "Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume\n", |row| {
        let prices = [row.open, row.high, row.low, row.close].map(|price| grouped(price).replace('"', "")).join("\t");
        format!("{}\t{prices}\t1.5\t{}", row.time("%b %-d, %Y"), row.volume)
    }),
    ("Google Sheets", "a", false, false, "Date,Open,High,Low,Close,Volume\n", |row| {
        format!("{} 0:00:00,{},{}", row.time("%-m/%-d/%Y"), row.prices(","), row.volume)
    }),
    (
        "Bloomberg, with lines before",
        "a",
        false,
        false,
        "Security,ACME US Equity\nStart Date,1/2/2024\n\nDate,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n",
        |row| format!("{},{},{}", row.time("%m/%d/%Y"), row.prices(","), row.volume),
    ),
    ("kdb+", "a", true, false, "time,open,high,low,close,volume\n", |row| {
        format!("{},{},{}", row.time("%Y.%m.%dD%H:%M:%S.000000000"), row.prices(","), row.volume)
    }),
    (
        "CoinAPI",
        "a",
        true,
        false,
        "time_period_start,time_period_end,price_open,price_high,price_low,price_close,volume_traded,trades_count\n",
        |row| {
            let time = row.time("%Y-%m-%dT%H:%M:%S.0000000Z");
            format!("{time},{time},{},{},5", row.prices(","), row.volume)
        },
    ),
];

#[test]
fn what_vendors_write_is_read_with_its_bars() {
    for (vendor, symbol, are_minutes, newest_first, before, write) in VENDORS {
        let mut lines: Vec<String> = rows(are_minutes).iter().map(write).collect();
        if newest_first {
            lines.reverse();
        }
        let text = before.to_owned() + &lines.join("\n") + "\n";
        let loaded = csv(&text, plain()).unwrap_or_else(|error| panic!("{vendor}: {error}\n{text}"));
        let Series { symbol: found, time, open, high, low, close, volume, .. } = &loaded.dataset.series()[0];
        assert_eq!((found.as_str(), time.len()), (symbol, BARS), "{vendor}");
        for (at, row) in rows(are_minutes).iter().enumerate() {
            let bar = (time[at] / 1_000_000_000, open[at], high[at], low[at], close[at], volume[at]);
            let Row { open, high, low, close, volume, .. } = *row;
            assert_eq!(bar, (row.epoch(), open, high, low, close, volume as f64), "{vendor}: bar {at}");
        }
    }
}
