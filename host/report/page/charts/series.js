// Draws series of a time chart: candles, lines, areas; where a pixel has many bars, the range of each pixel column.
// Never reads more than the bars that are seen, once for each drawing.

/** In CSS pixels: from this width of a bar on, it is drawn as a candle. */
const CANDLE = 3;

/** The least and the greatest of what a series has in bars `first`..`last`. */
export function extent(series, first, last, positive = false) {
  let [low, high] = [Infinity, -Infinity];
  const [lows, highs] = series.type === "candles" ? [series.low, series.high] : [series.values, series.values];
  for (let bar = first; bar <= last; bar += 1) {
    if (lows[bar] < low && !(positive && lows[bar] <= 0)) low = lows[bar];
    if (highs[bar] > high) high = highs[bar];
  }
  return [low, high];
}

/** The value of a series that its axis and its legend show for a bar. */
export const valueAt = (series, bar) => (series.type === "candles" ? series.close : series.values)[bar];

const isDense = (view, width) => view.span > 2 * width;

/**
 * The points of a line over the bars that are seen, flat. Where there are more than two bars in a pixel, each pixel column gives
 * its first, least, greatest and last value: no peak is lost.
 */
export function linePoints(values, view, x, y, width) {
  const points = [];
  const [first, last] = [Math.max(view.first - 1, 0), Math.min(view.last + 1, view.count - 1)];
  if (!isDense(view, width)) {
    for (let bar = first; bar <= last; bar += 1) points.push(x(bar + 0.5), y(values[bar]));
    return points;
  }
  const each = view.span / width;
  for (let column = 0; column < width; column += 1) {
    const from = Math.max(Math.floor(view.from + column * each), first);
    const end = Math.min(Math.floor(view.from + (column + 1) * each), last + 1);
    let [low, high, opening, closing] = [Infinity, -Infinity, NaN, NaN];
    for (let bar = from; bar < end; bar += 1) {
      const value = values[bar];
      if (Number.isNaN(value)) continue;
      if (Number.isNaN(opening)) opening = value;
      closing = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const at = x(view.from + (column + 0.5) * each);
    if (Number.isNaN(opening)) points.push(at, NaN);
    else if (low === high) points.push(at, y(low));
    else points.push(at, y(opening), at, y(low), at, y(high), at, y(closing));
  }
  return points;
}

function drawLine(pen, series, { view, x, y, width }, theme) {
  const stroke = theme[series.colour ?? "first"];
  const points = linePoints(series.values, view, x, y, width);
  const thick = series.thin ? 1 : 1.5;
  if (isDense(view, width)) pen.dense(points, { stroke, width: thick });
  else pen.path(points, { stroke, width: thick, dash: series.dash && view.span < width / 2 ? [5, 3] : [] });
}

function drawArea(pen, series, { view, x, y, width }, theme) {
  const points = linePoints(series.values, view, x, y, width);
  const stroke = theme[series.colour ?? "loss"];
  const base = y(series.base ?? 0);
  const area = [points[0], base];
  for (let n = 0; n < points.length; n += 2) area.push(points[n], Number.isNaN(points[n + 1]) ? base : points[n + 1]);
  area.push(points[points.length - 2], base);
  pen.path(area, { fill: theme[series.fill ?? "shade"], close: true });
  if (isDense(view, width)) pen.dense(points, { stroke, width: 1 });
  else pen.path(points, { stroke, width: 1 });
}

function drawCandles(pen, series, { view, x, y, width }, theme) {
  const each = width / view.span;
  if (each < CANDLE) return drawRange(pen, series, { view, x, y, width }, theme);
  const body = Math.max(Math.floor(each * 0.7), 2);
  const [up, down, hollow] = [[], [], []];
  for (let bar = view.first; bar <= view.last; bar += 1) {
    const [open, close] = [series.open[bar], series.close[bar]];
    if (Number.isNaN(close)) continue;
    const into = close >= open ? up : down;
    const middle = Math.round(x(bar + 0.5));
    const [top, foot] = [y(Math.max(open, close)), y(Math.min(open, close))];
    const tall = Math.max(foot - top, 1);
    const left = middle - Math.floor(body / 2);
    const [high, low] = [y(series.high[bar]), y(series.low[bar])];
    into.push(middle, high, 1, Math.max(low - high, 1), left, top, body, tall);
    if (into === up && body >= 4 && tall > 2) hollow.push(left + 1, top + 1, body - 2, tall - 2);
  }
  pen.rects(up, theme.gain);
  pen.rects(hollow, theme.card);
  pen.rects(down, theme.loss);
}

/** The range of each pixel column, and the closes as a line through it. */
function drawRange(pen, series, { view, x, y, width }, theme) {
  const each = view.span / width;
  const boxes = [];
  for (let column = 0; column < width; column += 1) {
    const from = Math.max(Math.floor(view.from + column * each), 0);
    const end = Math.min(Math.max(Math.floor(view.from + (column + 1) * each), from + (each < 1 ? 0 : 1)), view.count);
    let [low, high] = [Infinity, -Infinity];
    for (let bar = from; bar < end; bar += 1) {
      if (series.low[bar] < low) low = series.low[bar];
      if (series.high[bar] > high) high = series.high[bar];
    }
    if (high < low) continue;
    const top = y(high);
    boxes.push(Math.round(x(view.from + column * each)), top, 1, Math.max(y(low) - top, 1));
  }
  pen.rects(boxes, theme.range);
  drawLine(pen, { values: series.close, colour: "ink", thin: true }, { view, x, y, width }, theme);
}

const DRAWERS = { candles: drawCandles, line: drawLine, area: drawArea };

/** Draws a series; `place` has `view`, `width`, and the functions `x` of a bar and `y` of a value. */
export const drawSeries = (pen, series, place, theme) => DRAWERS[series.type](pen, series, place, theme);

/** The colour that stands for a series in a legend. */
export const colourOf = (series, theme) =>
  theme[series.type === "candles" ? "ink" : (series.colour ?? (series.type === "area" ? "loss" : "first"))];
