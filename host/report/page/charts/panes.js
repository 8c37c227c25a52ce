// The panes of a time chart: their places, scales and axes, the time axis and the overview strip.
// Never handles input.

import { axisWriter, writer } from "./format.js";
import { linearScale, logScale, timeMarks } from "./scales.js";
import { colourOf, drawSeries, extent, linePoints } from "./series.js";

const [AXIS, OVERVIEW, PANE_GAP, HEAD] = [20, 34, 6, 20];

/** Where panes, time axis and overview lie, and the scale of each pane for what is seen. */
export function layPanes(pen, chart, width, height) {
  const { panes, view } = chart;
  const room = height - AXIS - OVERVIEW - PANE_GAP - PANE_GAP * (panes.length - 1);
  const parts = panes.reduce((sum, pane) => sum + (pane.height ?? 1), 0);
  let top = 0;
  const laid = panes.map((pane) => {
    const tall = Math.round((room * (pane.height ?? 1)) / parts);
    const place = { pane, top, tall, scale: scaleOf(pane, view, chart, top, tall) };
    top += tall + PANE_GAP;
    place.marks = place.scale.marks(Math.max(2, Math.floor(tall / 32)));
    place.write = axisWriter(pane.unit, place.marks.step);
    return place;
  });
  const labels = laid.flatMap(({ marks, write }) => marks.list.map((value) => pen.measure(write(value), { size: 11 })));
  const axis = Math.ceil(Math.max(24, ...labels)) + 10;
  const inner = Math.max(Math.floor(width - axis), 20);
  return { laid, inner, axis, foot: top - PANE_GAP, overview: [0, height - OVERVIEW, inner, OVERVIEW] };
}

function scaleOf(pane, view, { trades }, top, tall) {
  const log = Boolean(pane.log && pane.canLog);
  let [low, high] = [Infinity, -Infinity];
  for (const series of pane.series) {
    const [least, most] = extent(series, view.first, view.last, log);
    [low, high] = [Math.min(low, least), Math.max(high, most)];
  }
  if (!(low <= high)) [low, high] = [0, 1];
  const below = pane.series.some(({ type }) => type === "area");
  if (below) high = Math.max(high, 0);
  if (low === high) [low, high] = low === 0 ? [-1, below ? 0 : 1] : [low - Math.abs(low) * 0.01, high + Math.abs(high) * 0.01];
  const [foot, head] = [top + tall - (pane.trades && trades ? 12 : 4), top + HEAD];
  if (log && low > 0) {
    const pad = (high / low) ** 0.04;
    return logScale(low / pad, high * pad, foot, head);
  }
  const pad = (high - low) * 0.04;
  return linearScale(low - pad, below ? high : high + pad, foot, head);
}

/** Draws all panes. */
export function drawPanes(pen, chart, laid, theme) {
  const { view } = chart;
  const x = (at) => ((at - view.from) / view.span) * laid.inner;
  const marks = timeMarks(chart.times, view.from, view.to, Math.max(2, Math.floor(laid.inner / 76)));
  for (const place of laid.laid) drawPane(pen, chart, place, { laid, x, marks }, theme);
  let free = -Infinity;
  for (const { bar, text } of marks) {
    const half = pen.measure(text, { size: 11 }) / 2;
    const at = Math.min(Math.max(x(bar + 0.5), half + 1), laid.inner - half);
    if (at - half < free) continue;
    pen.text(text, at, laid.foot + 15, { colour: theme.soft, align: "center", size: 11 });
    free = at + half + 8;
  }
  drawOverview(pen, chart, laid, theme);
}

function drawPane(pen, chart, { pane, top, tall, scale, marks, write }, { laid, x, marks: times }, theme) {
  const { inner, axis } = laid;
  const box = [0, top, inner, tall];
  const lines = marks.list.filter((value) => scale.at(value) > top + HEAD - 8);
  pen.rects(
    lines.flatMap((value) => [0, Math.round(scale.at(value)), inner, 1]),
    theme.line,
  );
  pen.rects(
    times.flatMap(({ bar }) => [Math.round(x(bar + 0.5)), top, 1, tall]),
    theme.line,
  );
  lines.forEach((value) => pen.text(write(value), inner + 6, scale.at(value) + 4, { colour: theme.soft, size: 11 }));
  const place = { view: chart.view, x, y: scale.at, width: inner, box };
  let marked = true;
  pen.clip(box, () => {
    // The first series is the chart's own: it lies on top.
    [...pane.series].reverse().forEach((series) => drawSeries(pen, series, place, theme));
    const bars = pane.series.find(({ type }) => type === "candles");
    if (pane.trades && chart.trades) marked = chart.trades.draw(pen, { ...place, bars }, theme);
  });
  pen.rects([0, top + tall, inner + axis, 1], theme.line);
  drawHead(pen, pane, { top, scale, inner, marked }, theme);
}

/** The name of a pane and of its series, with their colours. */
function drawHead(pen, pane, { top, scale, inner, marked }, theme) {
  let at = 4;
  const write = (text, style, key = null) => {
    const [wide, start] = [pen.measure(text, style), at + (key ? 20 : 0)];
    if (start + wide > inner) return;
    if (key) pen.path([at, top + 10, at + 16, top + 10], { stroke: key, width: 2 });
    pen.text(text, start, top + 14, { halo: theme.card, ...style });
    at = start + wide + 10;
  };
  write(`${pane.name}${scale.log ? ", log" : ""}`, { colour: theme.ink, bold: true });
  if (pane.series.length > 1) {
    pane.series.forEach((series) => write(series.name, { colour: theme.soft }, colourOf(series, theme)));
  }
  if (!marked) write("zoom in to see a mark at each trade", { colour: theme.soft });
}

/** All bars in a strip, and which of them are seen. */
function drawOverview(pen, { overview, view, times }, { overview: [left, top, width, tall] }, theme) {
  const all = { from: 0, to: view.count, first: 0, last: view.count - 1, span: Math.max(view.count, 1), count: view.count };
  const log = overview.log && extent(overview.series, 0, view.count - 1, true)[0] > 0;
  const [low, high] = extent(overview.series, 0, view.count - 1, log);
  if (!(low <= high) || times.length === 0) return;
  const scale = log ? logScale(low, high, top + tall - 3, top + 3) : linearScale(low, high, top + tall - 3, top + 3);
  const x = (at) => left + (at / all.span) * width;
  pen.rects([left, top, width, tall], theme.shade);
  const [from, to] = [x(view.from), x(view.to)];
  pen.rects([from, top, Math.max(to - from, 2), tall], theme.card);
  const values = overview.series.type === "candles" ? overview.series.close : overview.series.values;
  pen.clip([left, top, width, tall], () =>
    pen.path(linePoints(values, all, x, scale.at, width), { stroke: theme.soft, width: 1 }),
  );
  const edge = [left, top, width, 1, left, top + tall - 1, width, 1];
  pen.rects(edge, theme.line);
  if (!view.whole)
    pen.rects(
      [from - 1, top, 3, tall, to - 2, top, 3, tall, from, top, to - from, 1, from, top + tall - 1, to - from, 1],
      theme.mark,
    );
}

/** The function that writes values of a pane in full. */
export const paneWriter = (pane) => writer(pane.unit);
