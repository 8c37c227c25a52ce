// Scales: from values to pixels, and where the marks of an axis stand.
// Never draws.

import { MONTHS } from "./format.js";

/** The steps of an axis with about `count` marks: 1, 2 or 5 times a power of ten. */
export function stepOf(span, count) {
  const rough = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((times) => times * power >= rough) ?? 10);
}

/**
 * A linear scale from `low`..`high` to the pixels `from`..`to`: `at` gives a pixel, `value` goes back, `marks` are those of an
 * axis.
 */
export function linearScale(low, high, from, to) {
  const size = high > low ? high - low : 1;
  const marks = (count) => {
    const step = stepOf(size, count);
    const first = Math.ceil(low / step - 1e-9);
    const list = [];
    for (let n = first; n * step <= high + step * 1e-9; n += 1) list.push(n * step + 0);
    return { list, step };
  };
  return {
    low,
    high,
    log: false,
    at: (value) => from + ((value - low) / size) * (to - from),
    value: (pixel) => low + ((pixel - from) / (to - from)) * size,
    marks,
  };
}

/** A logarithmic scale; `low` must be above zero. */
export function logScale(low, high, from, to) {
  const [start, end] = [Math.log(low), Math.log(high > low ? high : low * 1.01)];
  const marks = (count) => {
    const decades = (end - start) / Math.LN10;
    if (decades < 0.7) return linearScale(low, high, from, to).marks(count);
    const times = decades > count ? [1] : decades * 2 > count ? [1, 3] : [1, 2, 5];
    const skip = Math.max(1, Math.ceil(decades / count));
    const list = [];
    for (let power = Math.floor(start / Math.LN10); power <= Math.ceil(end / Math.LN10); power += 1) {
      if (power % skip !== 0) continue;
      for (const part of times) {
        const value = part * 10 ** power;
        if (value >= low && value <= high) list.push(value);
      }
    }
    return { list, step: null };
  };
  return {
    low,
    high,
    log: true,
    at: (value) => from + ((Math.log(value) - start) / (end - start)) * (to - from),
    value: (pixel) => Math.exp(start + ((pixel - from) / (to - from)) * (end - start)),
    marks,
  };
}

/** The first place of `sorted` whose value is at least `wanted`. */
export function lowerBound(sorted, wanted) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
/** The steps of a time axis: milliseconds, or a count of months. */
const STEPS = [
  ...[1, 5, 10, 15, 30].map((count) => ({ each: count * MINUTE })),
  ...[1, 2, 3, 6, 12].map((count) => ({ each: count * HOUR })),
  ...[1, 2, 7, 14].map((count) => ({ each: count * DAY })),
  ...[1, 3, 6, 12, 24, 60, 120, 240].map((months) => ({ each: months * 30.4 * DAY, months })),
];

/** All boundaries of a step from `start` to `end`. */
function boundaries({ each, months }, start, end) {
  const list = [];
  if (!months) {
    for (let time = Math.ceil(start / each) * each; time <= end; time += each) list.push(time);
    return list;
  }
  const first = new Date(start);
  let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (;;) {
    const time = Date.UTC(Math.floor(month / 12), month % 12);
    if (time > end) return list;
    if (time >= start) list.push(time);
    month += months;
  }
}

function timeText(time, before, { each, months }) {
  const [at, last] = [new Date(time), before === null ? null : new Date(before)];
  const year = String(at.getUTCFullYear());
  if (months >= 12 || (last && at.getUTCFullYear() !== last.getUTCFullYear())) return year;
  if (months) return last ? MONTHS[at.getUTCMonth()] : `${MONTHS[at.getUTCMonth()]} ${year}`;
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  if (each >= DAY) return last ? day : `${day} ${year}`;
  if (!last) return `${day} ${at.toISOString().slice(11, 16)}`;
  return at.getUTCDate() !== last.getUTCDate() ? day : at.toISOString().slice(11, 16);
}

/** The marks of a time axis over bars `from`..`to`, at most `count`: the first bar of each hour, day, month … and its text. */
export function timeMarks(times, from, to, count) {
  const [first, last] = [Math.max(0, Math.ceil(from - 0.5)), Math.min(times.length - 1, Math.floor(to - 0.5))];
  if (last <= first) return [];
  const [start, end] = [times[first], times[last]];
  for (const step of STEPS) {
    if ((end - start) / step.each > count * 8) continue;
    const bars = [...new Set(boundaries(step, start, end).map((time) => lowerBound(times, time)))].filter((bar) => bar <= last);
    if (bars.length > count) continue;
    if (bars.length === 0) bars.push(first);
    return bars.map((bar, n) => ({ bar, text: timeText(times[bar], n > 0 ? times[bars[n - 1]] : null, step) }));
  }
  return [];
}

/** The value below which a share of `sorted` lies, between neighbours in proportion. */
export function quantile(sorted, share) {
  if (sorted.length === 0) return NaN;
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}
