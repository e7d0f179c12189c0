// Shares over time: points of the API into bands, words and a table.

import { draw, say } from "./chart.js";
import { byId, el, fill, header, swatch, table } from "./dom.js";
import { BANDS, keyName, ORIGINS, percent, REST, share } from "./words.js";

// merge: seconds of one point in the chart, where the API's own step is finer than a screen.
export const RANGES = [
  { key: "1h", name: "Hour", long: "last hour", step: "10s", merge: 60, seconds: 3600, every: 10, local: true, labels: "%H:%M" },
  { key: "24h", name: "Day", long: "last 24 hours", step: "5m", seconds: 86_400, every: 30, local: true, labels: "%a %H:%M" },
  { key: "28d", name: "28 days", long: "last 28 days", step: "1d", seconds: 28 * 86_400, every: 60, labels: "%a %-d %b" },
  { key: "1y", name: "Year", long: "last year", step: "1w", seconds: 365 * 86_400, every: 300, labels: "week of %-d %b %Y" },
];
const BAND_COUNT = BANDS.length;

export async function fetchHistory(dimension, range, asOf, ask) {
  const query = new URLSearchParams({ dimension, step: range.step, start: String(Math.floor(asOf - range.seconds)) });
  const body = await ask(`api/v1/history?${query}`);
  return { dimension, range, seconds: Math.max(body.seconds, range.merge ?? 0), asOf: body.as_of, points: merge(body.points, range.merge ?? body.seconds) };
}

function merge(points, seconds) {
  const merged = new Map();
  for (const { start, tokens, requests, cells } of points) {
    // Only steps below a day are merged, so starts that are multiples of the length are right.
    const at = seconds < 86_400 ? Math.floor(start / seconds) * seconds : start;
    const point = merged.get(at) ?? { start: at, tokens: 0, requests: 0, cells: {} };
    point.tokens += tokens;
    point.requests += requests;
    for (const [key, [t, r]] of Object.entries(cells)) {
      const cell = (point.cells[key] ??= [0, 0]);
      cell[0] += t;
      cell[1] += r;
    }
    merged.set(at, point);
  }
  return [...merged.values()].sort((a, b) => a.start - b.start);
}

export function showHistory(history, measure, names) {
  const { dimension, range, points } = history;
  const chart = byId("chart");
  const used = points.filter((point) => point[measure] > 0);
  if (!used.length) {
    say(chart, `No traffic in the ${range.long}.`);
    fill(byId("change"));
    fill(byId("legend"));
    fill(byId("chart-note"));
    fill(byId("history-numbers").lastElementChild);
    return;
  }
  const bands = bandsOf(used, dimension, measure, names);
  fill(byId("legend"), ...[...bands].reverse().map((band) => el("li", null, swatch(band.paint, band.pattern), band.name)));
  fill(byId("change"), ...changeWords(used, bands, measure, range));
  fill(byId("chart-note"), noteWords(range, measure));
  const details = byId("history-numbers");
  if (details.open) fill(details.lastElementChild, numbers(used, bands, measure, range));
  const { times, ratios } = steps(used, bands, measure, history);
  draw(chart, { times, bands: bands.map((band, i) => ({ ...band, ratios: ratios[i] })), labels: range.labels })
    .catch((error) => say(chart, `${error.message} The table below has the numbers.`));
}

const amount = (point, key, measure) => point.cells[key]?.[measure === "tokens" ? 0 : 1] ?? 0;
const ratioOf = (points, band, measure) => {
  let part = 0;
  let whole = 0;
  for (const point of points) {
    for (const key of band.keys) part += amount(point, key, measure);
    whole += point[measure];
  }
  return whole ? part / whole : 0;
};

// Bottom to top. Origins: Chinese open at the bottom, where its rise is read off the axis.
function bandsOf(points, dimension, measure, names) {
  if (dimension === "origin") return ORIGINS.map((origin) => ({ ...origin, keys: [origin.key] }));
  const sums = new Map();
  for (const point of points) {
    for (const key of Object.keys(point.cells)) sums.set(key, (sums.get(key) ?? 0) + amount(point, key, measure));
  }
  const ranked = [...sums].filter(([key]) => key !== "other").sort((a, b) => b[1] - a[1]).map(([key]) => key);
  const bands = ranked.slice(0, BAND_COUNT).map((key, i) => {
    const name = keyName(dimension, key, names.get(key));
    return { key, name, short: name, paint: BANDS[i][0], pattern: BANDS[i][1], keys: [key] };
  });
  const rest = [...ranked.slice(BAND_COUNT), ...(sums.has("other") ? ["other"] : [])];
  // The smaller ones lie below the largest, where their changes are read off the axis.
  bands.reverse();
  if (rest.length) bands.unshift({ key: "other", name: "All others", short: "Others", paint: REST[0], pattern: REST[1], keys: rest });
  return bands;
}

// A step holds its share from its start to its end; where a step is missing there was no traffic.
function steps(points, bands, measure, { range, seconds, asOf }) {
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

// Date axis texts have no zone: minutes are told in the reader's, days and weeks are UTC panes.
function stamp(unix, range) {
  const date = new Date(unix * 1000);
  const shifted = range.local ? new Date(date - date.getTimezoneOffset() * 60_000) : date;
  return shifted.toISOString().slice(0, 19);
}

// What changed most: the first tenth of the period against the last tenth.
function changeWords(points, bands, measure, range) {
  if (points.length < 2) return [`One point so far in the ${range.long}.`];
  const tenth = Math.max(1, Math.floor(points.length / 10));
  const moved = bands.map((band) => ({
    band, from: ratioOf(points.slice(0, tenth), band, measure), to: ratioOf(points.slice(-tenth), band, measure),
  })).sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from))[0];
  const delta = (moved.to - moved.from) * 100;
  const span = `over the ${range.long}`;
  if (Math.abs(delta) < 0.5) return [`No share of ${measure} moved by more than half a point ${span}.`];
  return [
    `Largest change ${span}: `, el("strong", null, moved.band.name), ` from ${percent(moved.from)} to ${percent(moved.to)} of ${measure} `,
    `(${delta > 0 ? "+" : "−"}${Math.abs(delta).toFixed(1)} points).`,
  ];
}

function noteWords(range, measure) {
  const point = { "1h": "minute", "24h": "5 minutes", "28d": "day (UTC)", "1y": "week (UTC, from Monday)" }[range.key];
  return `Per cent of ${measure} of each ${point}; the last one is still running. No area: no traffic. `
    + "The change compares the first tenth of the period with the last.";
}

function numbers(points, bands, measure, range) {
  const rows = [...points].reverse().map((point) => [
    header("row", stamp(point.start, range).slice(0, range.local ? 16 : 10).replace("T", " ")),
    ...[...bands].reverse().map((band) => el("td", null, share(ratioOf([point], band, measure)))),
  ]);
  const heads = [range.local ? "From (local time)" : "From (UTC)", ...[...bands].reverse().map((band) => band.short)];
  return table(null, `Per cent of ${measure}, newest first`, heads, rows);
}
