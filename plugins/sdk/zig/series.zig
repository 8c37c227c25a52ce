/// Bars of one instrument, oldest first, as columns of equal length.
pub const Series = struct {
    /// The instrument's name, for example `MSFT`.
    symbol: []const u8,
    /// Nanoseconds since the Unix epoch, UTC.
    time: []const i64,
    /// The first price of each bar, in quote currency.
    open: []const f64,
    /// The highest price of each bar, in quote currency.
    high: []const f64,
    /// The lowest price of each bar, in quote currency.
    low: []const f64,
    /// The last price of each bar, in quote currency.
    close: []const f64,
    /// Units traded in each bar; zero where the data has no volume.
    volume: []const f64,
};
