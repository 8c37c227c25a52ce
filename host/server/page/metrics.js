// The metrics of a result, and numbers, times and hashes as people read them.
// Never computes a metric.

const SHARES = `total_return cagr annual_volatility max_drawdown average_drawdown ulcer_index var_95 cvar_95 best_day
  worst_day best_month worst_month best_year worst_year win_days win_months win_years exposure_time turnover win_rate
  average_trade best_trade worst_trade kelly`.split(/\s+/);

const COUNTS = `max_drawdown_days average_drawdown_days recovery_days trades open_trades long_trades short_trades orders
  max_consecutive_wins max_consecutive_losses average_bars_held max_bars_held bars wiped_out targets_cut`.split(/\s+/);

/** All metrics, in the order of the columns of a result. */
export const METRICS = `sharpe sortino calmar omega total_return cagr annual_volatility max_drawdown average_drawdown
  max_drawdown_days average_drawdown_days recovery_days ulcer_index upi recovery_factor tail_ratio stability skew
  kurtosis_raw var_95 cvar_95 best_day worst_day best_month worst_month best_year worst_year win_days win_months
  win_years final_equity fees exposure_time turnover trades open_trades long_trades short_trades orders win_rate
  average_win average_loss payoff_ratio profit_factor expectancy sqn kelly average_trade best_trade worst_trade
  max_consecutive_wins max_consecutive_losses average_bars_held max_bars_held bars wiped_out
  targets_cut`.split(/\s+/);

/** The metrics that people ask for first. */
export const USUAL = ["sharpe", "total_return", "sortino", "max_drawdown", "calmar", "profit_factor", "final_equity"];

const OTHER_COLUMNS = `task_id strategy_name symbol cell success error_kind error_message log units execution_time worker_id
  plugin_hash data_hash`.split(/\s+/);
const TAKEN = new Set([...METRICS, ...OTHER_COLUMNS]);

/** The column of a parameter: one whose name is that of another column has `param_` before it. */
export const columnOf = (parameter) => (TAKEN.has(parameter) ? `param_${parameter}` : parameter);

const digits = (options) => new Intl.NumberFormat("en-GB", options);
const WHOLE = digits({ maximumFractionDigits: 0 });
const TENTHS = digits({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
const HUNDREDTHS = digits({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
const TWO = digits({ minimumSignificantDigits: 2, maximumSignificantDigits: 2 });

export const whole = (value) => WHOLE.format(value);

/** The value of a metric with its unit: shares in per cent. */
export function metric(name, value) {
  if (value === null || value === undefined) return "–";
  if (value === "inf" || value === Infinity) return "∞";
  if (SHARES.includes(name)) return `${rounded(value * 100, 10)} %`;
  return COUNTS.includes(name) && Number.isInteger(value) ? whole(value) : rounded(value, 1000);
}

/** A number in as many digits as tell values apart: two decimals below `tens`, fewer above, two digits where it is small. */
function rounded(value, tens) {
  const size = Math.abs(value);
  if (size >= 1000) return WHOLE.format(value);
  if (size >= tens) return TENTHS.format(value);
  return size >= 0.1 || size === 0 ? HUNDREDTHS.format(value) : TWO.format(value);
}

/** The value of a parameter: exactly, without separators, as it would be typed. */
export const parameter = (value) => (value === null || value === undefined ? "–" : String(value));

/** Parameters in one line: `fast 5, slow 20`. */
export const parameters = (params) =>
  Object.entries(params).map(([name, value]) => `${name} ${parameter(value)}`).join(", ") || "the defaults";

export const short = (hash) => (hash ? hash.slice(0, 12) : "none");

/** How many there are, in words: `1 value`, `2 values`. */
export const many = (count, one) => `${whole(count)} ${one}${Number(count) === 1 ? "" : "s"}`;

export function seconds(value) {
  if (value < 1) return `${whole(value * 1000)} ms`;
  if (value < 60) return `${TENTHS.format(value)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 60 ? `${minutes} min ${Math.floor(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time of day, with the date where that is not today's. */
export function moment(text) {
  const at = new Date(text);
  const time = at.toLocaleTimeString("en-GB");
  const day = (date) => date.toDateString();
  return day(at) === day(new Date()) ? time : `${at.toLocaleDateString("en-CA")} ${time}`;
}
