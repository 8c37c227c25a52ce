// What luck and noise do to a combination: percentiles of its trades drawn anew, and of its runs on prices with noise.
// Never computes a statistic: the server does.

import { el } from "/dom.js";
import { metric } from "/metrics.js";
import { counted, fixed, spaced, writer } from "/report/charts/format.js";
import { scrollBox } from "/report/charts/tables.js";

const [number, share] = [writer("number"), writer("share")];
const part = (value) => `${fixed(value * 100, 1)} %`;

/** The answer of the server in words and tables. */
export function luckOf({ levels, trades, noise }) {
  const heads = levels.map((level) => `${fixed(level * 100, 0)} %`);
  return [...tradeLuck(heads, trades), ...(noise ? noiseLuck(heads, noise) : [])];
}

function tradeLuck(heads, trades) {
  const title = "Its trades, drawn again";
  if (trades.undefined) return [el("h4", {}, title), el("p", {}, `Nothing can be told: ${trades.undefined}.`)];
  const { draws, loss, total_return: total, max_drawdown: fall, shuffled_rank: rank } = trades;
  const rows = [
    ["total return, drawn with replacement", total, trades.resampled_return, share],
    ["max drawdown, drawn with replacement", fall, trades.resampled_drawdown, share],
    ["max drawdown, in another order", fall, trades.shuffled_drawdown, share],
  ];
  const words =
    `${counted(trades.trades, "closed trade")}, drawn ${fixed(draws, 0)} times: ${part(loss)} of the draws lose money. ` +
    `${part(rank)} of the other orders fall at most as deep as the true one: near 0 % it was lucky, near 100 % unlucky.`;
  return [el("h4", {}, title), el("p", {}, words), percentiles(title, heads, rows)];
}

function noiseLuck(heads, { asked, failed, strength, losing, below_half_sharpe: below, metrics }) {
  const title = "Prices with noise";
  const rows = metrics.map(({ metric: name, value, quantiles }) => [spaced(name), value, quantiles, (one) => metric(name, one)]);
  const words = [
    `${counted(asked, "run")} on prices moved by ${number(strength)} of the average true range.`,
    losing && `${part(losing.share)} of them lose money.`,
    below && `${part(below.share)} have less than half of the Sharpe ratio.`,
    failed > 0 && `${counted(failed, "run")} failed, and count nowhere.`,
  ];
  return [el("h4", {}, title), el("p", {}, words.filter(Boolean).join(" ")), percentiles(title, heads, rows)];
}

/** A table of percentiles: what was, and what could have been, the worst on the left. */
function percentiles(title, heads, rows) {
  const cell = (write) => (value) => el("td", {}, write(value));
  const head = ["as it was", ...heads].map((text) => el("th", { scope: "col" }, text));
  const line = ([name, was, quantiles, write]) =>
    el("tr", {}, el("th", { scope: "row" }, name), ...[was, ...(quantiles ?? [])].map(cell(write)));
  const table = el(
    "table",
    { class: "view-numbers" },
    el("caption", { class: "chart-unseen" }, `${title}: percentiles`),
    el("thead", {}, el("tr", {}, el("td"), ...head)),
    el("tbody", {}, ...rows.map(line)),
  );
  const box = scrollBox(`${title}: percentiles`);
  box.append(table);
  return box;
}
