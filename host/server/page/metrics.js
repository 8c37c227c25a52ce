// The metrics of a result, and numbers, times and hashes as people read them.
// Never computes a metric.

import { counted, exact as parameter, fixed, writer } from "/report/charts/format.js";

const SHARES = `total_return cagr annual_volatility max_drawdown average_drawdown ulcer_index var_95 cvar_95 best_day
  worst_day best_month worst_month best_year worst_year win_days win_months win_years exposure_time turnover win_rate
  average_trade best_trade worst_trade kelly jensen_alpha tracking_error treynor_ratio batting_average benchmark_return
  excess_return excess_cagr excess_drawdown`.split(/\s+/);

const COUNTS = `max_drawdown_days average_drawdown_days recovery_days trades open_trades long_trades short_trades orders
  max_consecutive_wins max_consecutive_losses average_bars_held max_bars_held bars wiped_out targets_cut`.split(/\s+/);

/** All metrics but those against a benchmark, in the order of the columns of a result. */
export const METRICS = `sharpe sortino calmar omega total_return cagr annual_volatility max_drawdown average_drawdown
  max_drawdown_days average_drawdown_days recovery_days ulcer_index upi recovery_factor tail_ratio stability skew
  kurtosis_raw var_95 cvar_95 best_day worst_day best_month worst_month best_year worst_year win_days win_months
  win_years final_equity fees exposure_time turnover trades open_trades long_trades short_trades orders win_rate
  average_win average_loss payoff_ratio profit_factor expectancy sqn kelly average_trade best_trade worst_trade
  max_consecutive_wins max_consecutive_losses average_bars_held max_bars_held bars wiped_out
  targets_cut`.split(/\s+/);

/** The metrics against a benchmark. */
export const AGAINST = `jensen_alpha alpha_t benchmark_beta benchmark_correlation tracking_error information_ratio
  treynor_ratio up_capture down_capture batting_average benchmark_return excess_return excess_cagr
  excess_drawdown`.split(/\s+/);

/** The metrics that people ask for first. */
export const USUAL = ["sharpe", "total_return", "sortino", "max_drawdown", "calmar", "profit_factor", "final_equity"];

const MONEY = ["final_equity", "fees", "average_win", "average_loss", "expectancy"];

export const whole = (value) => fixed(Number(value), 0);

/** The unit of a metric, as charts name it. */
function unitOf(name) {
  if (MONEY.includes(name)) return "money";
  return SHARES.includes(name) ? "share" : COUNTS.includes(name) ? "count" : "number";
}

/** The value of a metric with its unit: shares in per cent. JSON has no infinity: an infinite value is a text there. */
export function metric(name, value) {
  const number = { inf: Infinity, "-inf": -Infinity }[value] ?? value;
  return writer(unitOf(name))(number);
}

/** The name of a metric in words. */
export const words = (name) => name.replaceAll("_", " ");

/** The value of a parameter: exactly, without separators, as it would be typed. */
export { parameter };

/** Parameters in one line: `fast 5, slow 20`. */
export const parameters = (params) =>
  Object.entries(params).map(([name, value]) => `${name} ${parameter(value)}`).join(", ") || "the defaults";

export const short = (hash) => (hash ? hash.slice(0, 12) : "none");

/** How many there are, in words: `1 value`, `2 values`. */
export const many = (count, one) => counted(Number(count), one);

export function seconds(value) {
  if (value < 1) return `${whole(value * 1000)} ms`;
  if (value < 60) return `${fixed(value, 1)} s`;
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
