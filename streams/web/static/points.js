// Shares over time: points of the API into the bands of a chart.

import { BANDS, dayWords, keyName, measureOf, MEASURES, ORIGINS, REST } from "./words.js";

// merge: seconds of one point in the chart, where the API's own step is finer than a screen.
// every: seconds after which it is asked for again. local: shown in the reader's time zone.
export const RANGES = [
  { key: "1h", name: "Hour", long: "last hour", step: "10s", merge: 60, seconds: 3600, every: 10, local: true, labels: "%H:%M", point: "minute" },
  { key: "24h", name: "Day", long: "last 24 hours", step: "5m", seconds: 86_400, every: 30, local: true, labels: "%a %H:%M", point: "5 minutes" },
  { key: "7d", name: "Week", long: "last 7 days", step: "1h", merge: 10_800, seconds: 7 * 86_400, every: 60, local: true, labels: "%a %-d %b %H:%M", point: "3 hours" },
  { key: "28d", name: "28 days", long: "last 28 days", step: "1d", seconds: 28 * 86_400, every: 60, labels: "%a %-d %b", point: "day (UTC)" },
  { key: "1y", name: "Year", long: "last year", step: "1w", seconds: 365 * 86_400, every: 300, labels: "week of %-d %b %Y", point: "week (UTC, from Monday)" },
  { key: "2y", name: "2 years", long: "last 2 years", step: "1w", seconds: 730 * 86_400, every: 300, labels: "week of %-d %b %Y", point: "week (UTC, from Monday)" },
];
const DAY = 86_400;
// What a period is set against.
export const AGAINST = [
  { key: "", name: "Expected", title: "what the days before lead one to expect" },
  { key: "before", name: "Before", title: "against the period before, of the same length" },
  { key: "year", name: "Last year", title: "against the same days last year: 52 weeks before, so that weekdays meet" },
];
const HOURS_KEPT = 37 * DAY;
// A period of the reader's own, of whole days (UTC), in the finest step that is kept and that a
// screen shows. from, to: YYYY-MM-DD, either empty for an open end.
export function ownRange(from, to, asOf) {
  const day = (text) => Date.parse(`${text}T00:00:00Z`) / 1000;
  const end = to ? Math.min(day(to) + DAY, Math.ceil(asOf / DAY) * DAY) : Math.ceil(asOf / DAY) * DAY;
  const start = from ? day(from) : end - 28 * DAY;
  const seconds = Math.max(DAY, end - start);
  const isFine = seconds <= 8 * DAY && start >= asOf - HOURS_KEPT;
  const isWeekly = seconds > 200 * DAY;
  return {
    key: `${from}..${to}`, long: `days from ${dayWords(start)} to ${dayWords(end - DAY)}`, span: "", start, end, seconds, every: 60,
    ...(isFine ? { step: "1h", merge: 10_800, labels: "%a %-d %b %H:%M", point: "3 hours (UTC)" }
      : isWeekly ? { step: "1w", labels: "week of %-d %b %Y", point: "week (UTC, from Monday)" }
        : { step: "1d", labels: "%a %-d %b %Y", point: "day (UTC)" }),
  };
}
// Tenants are counted by the hour, for nine days: the range in such steps, or null where it has none.
const TENANTS_KEPT = 9 * DAY;
export function tenantRange(range, asOf) {
  if (range.seconds < DAY || (range.start ?? asOf - range.seconds) < asOf - TENANTS_KEPT) return null;
  const isDay = range.seconds <= 2 * DAY;
  return { ...range, step: "1h", merge: isDay ? 3600 : 10_800, labels: isDay ? "%a %H:%M" : "%a %-d %b %H:%M", point: `${isDay ? "hour" : "3 hours"}${range.local ? "" : " (UTC)"}`, isOfTenants: true };
}
export const NO_TENANT_RANGE = "Tenants are counted by the hour, for nine days: choose Day or Week.";
// A young deployment has no days yet: until the reader chooses, the longest of these with a whole point
// in it. Of the first and the last one, only a part may have data.
export const WHOLE_POINTS = 3;
export const FIRST_RANGES = ["28d", "24h", "1h"];

// The start of the step that holds a time; weeks are from Monday, as the worker's are (UTC).
const FIRST_MONDAY = 4 * DAY;
export function stepStart(unix, seconds) {
  const offset = seconds === 7 * DAY ? FIRST_MONDAY : 0;
  return Math.floor((unix - offset) / seconds) * seconds + offset;
}

const SECONDS = { "10s": 10, "5m": 300, "1h": 3600 };
// part: the query of a filter, as it is appended. A period that ends now starts with a whole point, so
// that its address is the same for as long as the point lasts; weeks start with a day.
export function historyAddress(dimension, range, asOf, format, part = "") {
  const query = new URLSearchParams({ dimension, step: range.step, start: String(range.start ?? stepStart(asOf - range.seconds, range.merge ?? SECONDS[range.step] ?? DAY)) });
  if (range.end) query.set("end", String(range.end));
  if (format) query.set("format", format);
  return `api/v1/history?${query}${part}`;
}

export async function fetchHistory(dimension, range, asOf, part, ask) {
  const body = await ask(historyAddress(dimension, range, asOf, null, part));
  return { dimension, range, part, seconds: Math.max(body.seconds, range.merge ?? 0), asOf: body.as_of, points: merge(body.points, range.merge ?? body.seconds) };
}

// What is not known stays null, not zero.
const plus = (a, b) => (a == null ? b : b == null ? a : a + b);
const SUMS = { output_tokens: "completion_tokens" };

// Cells have no prototype: a model may be called like a part of one.
export function merge(points, seconds) {
  const merged = new Map();
  for (const of of points) {
    // Only steps below a day are merged, so starts that are multiples of the length are right.
    const at = seconds < 86_400 ? Math.floor(of.start / seconds) * seconds : of.start;
    const point = merged.get(at) ?? { start: at, cells: Object.create(null) };
    for (const { key } of MEASURES) point[key] = plus(point[key] ?? null, of[SUMS[key] ?? key] ?? null);
    for (const [key, amounts] of Object.entries(of.cells)) {
      const before = point.cells[key];
      point.cells[key] = before ? amounts.map((amount, i) => plus(before[i], amount)) : amounts;
    }
    merged.set(at, point);
  }
  return [...merged.values()].sort((a, b) => a.start - b.start);
}

// Whether there is as much data as a window is long, but for a running pane of an hour.
const RUNNING_SECONDS = 3600;
export const isFull = (window, since, asOf) => since == null || !window || asOf - since >= Math.min(window.seconds - RUNNING_SECONDS, window.seconds * 0.95);

// Tokens come in requests of very different size: in practice they tell as much as so many equal ones.
const EFFECTIVE = 0.07;
const SURE = 3;
// Whether two shares differ by more than their standard errors allow for.
export function isBeyondChance(one, requests, other, otherRequests, measure) {
  const part = measure === "requests" ? 1 : EFFECTIVE;
  const middle = (one + other) / 2;
  const error = Math.sqrt(middle * (1 - middle) * (1 / Math.max(1, requests * part) + 1 / Math.max(1, otherRequests * part)));
  return Math.abs(one - other) > SURE * error;
}

const amount = (point, key, measure) => point.cells[key]?.[measureOf(measure).at] ?? 0;

export function ratioOf(points, band, measure) {
  let part = 0;
  let whole = 0;
  for (const point of points) {
    if (point[measure] == null) continue;
    for (const key of band.keys) part += amount(point, key, measure);
    whole += point[measure];
  }
  return whole ? part / whole : 0;
}

// Bottom to top. Origins: Chinese open at the bottom, where its rise is read off the axis.
export function bandsOf(points, dimension, measure, names) {
  if (dimension === "origin") return ORIGINS.map((origin) => ({ ...origin, keys: [origin.key] }));
  const sums = new Map();
  for (const point of points) {
    for (const key of Object.keys(point.cells)) sums.set(key, (sums.get(key) ?? 0) + amount(point, key, measure));
  }
  const ranked = [...sums].filter(([key]) => key !== "other").sort((a, b) => b[1] - a[1]).map(([key]) => key);
  const bands = ranked.slice(0, BANDS.length).map((key, i) => {
    const name = keyName(dimension, key, names.get(key));
    return { key, name, short: name, paint: BANDS[i][0], pattern: BANDS[i][1], keys: [key] };
  });
  const rest = [...ranked.slice(BANDS.length), ...(sums.has("other") ? ["other"] : [])];
  // The smaller ones lie below the largest, where their changes are read off the axis.
  bands.reverse();
  if (rest.length) bands.push({ key: "other", name: "All others", short: "Others", paint: REST[0], pattern: REST[1], keys: rest });
  return bands;
}

// A step holds its share from its start to its end; where a step is missing there was no traffic.
export function steps(points, bands, measure, { range, seconds, asOf }) {
  const times = [];
  const ratios = bands.map(() => []);
  const add = (time, of) => {
    times.push(stamp(time, range));
    bands.forEach((band, i) => ratios[i].push(of(band)));
  };
  points.forEach((point, i) => {
    add(point.start, (band) => ratioOf([point], band, measure));
    const end = point.start + seconds;
    const next = points[i + 1];
    if (next && next.start > end) add(end, () => 0);
    if (!next) add(Math.max(Math.min(end, asOf), point.start + 1), (band) => ratioOf([point], band, measure));
  });
  return { times, ratios };
}

// Date axis texts have no zone: minutes are shown in the reader's, days and weeks are UTC panes.
export function stamp(unix, range) {
  const date = new Date(unix * 1000);
  const shifted = range.local ? new Date(date - date.getTimezoneOffset() * 60_000) : date;
  return shifted.toISOString().slice(0, 19);
}
