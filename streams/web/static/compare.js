// A period against another one: which that is, what it had, and how far apart the two are.

import { el, header, swatch, table } from "./dom.js";
import { drillLink } from "./filter.js";
import { isBeyondChance, merge, ratioOf, stepStart } from "./points.js";
import { dayWords, measureOf, momentTime, percent, points as pointsWords, share } from "./words.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
const YEAR = 364 * DAY;
// Steps from fine to coarse, and how long their counts are kept.
const STEPS = [["10s", 10, 70 * 60], ["5m", 300, 25 * HOUR], ["1h", HOUR, 37 * DAY], ["1d", DAY, 731 * DAY], ["1w", 7 * DAY, 731 * DAY]];
const TENANT_STEPS = [["1h", HOUR, 9 * DAY]];
// A period that lacks no more than this is one.
const SLACK = 0.05;

const NAMES = { before: "the period before", year: "the same days last year" };

// The other period of a range, in the finest step that its counts are kept in:
// {start, end, shift, step, seconds, name}; or {none: words} where there is none to compare with.
export function otherPeriod(range, against, asOf, since) {
  const name = NAMES[against];
  const steps = range.isOfTenants ? TENANT_STEPS : STEPS;
  const at = steps.findIndex(([step]) => step === range.step);
  const unit = steps[at][1];
  const first = stepStart(range.start ?? asOf - range.seconds, unit);
  const length = Math.max(unit, Math.round(range.seconds / unit) * unit);
  const shift = against === "year" ? YEAR : length;
  const [start, end] = [first - shift, Math.min(first - shift + length, first)];
  if (since != null && since > start + SLACK * length) {
    return { none: `No comparison with ${name}: it would begin on ${dayWords(start)}, and counting began on ${dayWords(since)}.` };
  }
  const found = steps.slice(at).find(([, , kept]) => start + SLACK * length >= asOf - kept);
  if (!found) return { none: `No comparison with ${name}: ${range.isOfTenants ? "tenants are kept for nine days" : "history is kept for two years"}, and it would begin on ${dayWords(start)}.` };
  const [step, seconds] = found;
  // Of a coarser step, only what lies in the period as a whole.
  const inside = { start: Math.ceil(start / seconds) * seconds, end: Math.floor(end / seconds) * seconds };
  const isCoarser = step !== range.step;
  if (isCoarser && inside.end - inside.start < (1 - 2 * SLACK) * length && inside.end - inside.start < 6 * DAY) {
    return { none: `No comparison with ${name}: of that time only whole ${seconds === DAY ? "days (UTC)" : "hours"} are kept. Choose a longer period.` };
  }
  return { name, shift, step, seconds: Math.max(seconds, range.merge ?? 0), ...(isCoarser ? inside : { start, end }) };
}

const otherAddress = (dimension, other, part, format) =>
  `api/v1/history?${new URLSearchParams({ dimension, step: other.step, start: String(other.start), end: String(other.end), ...(format ? { format } : {}) })}${part}`;

// The points of the other period.
export async function fetchOther(dimension, other, part, ask) {
  const body = await ask(otherAddress(dimension, other, part));
  return new Other(other, merge(body.points, other.seconds));
}

function periodWords({ start, end }) {
  if (start % DAY || end % DAY) return `${momentTime(start)} to ${momentTime(end)}`;
  return end - start === DAY ? dayWords(start) : `${dayWords(start)} to ${dayWords(end - 1)}`;
}

const requestsOf = (points) => points.reduce((sum, point) => sum + point.requests, 0);

// Each band in both periods, and whether they are further apart than by chance.
function differences(points, other, bands, measure) {
  const [now, then] = [requestsOf(points), requestsOf(other.points)];
  return bands.map((band) => {
    const [share, before] = [ratioOf(points, band, measure), ratioOf(other.points, band, measure)];
    return { band, share, before, apart: share - before, isSure: isBeyondChance(share, now, before, then, measure) };
  });
}

// A period and its points, with all that can be said of it beside another one.
class Other {
  constructor({ name, start, end, shift, step, seconds }, points) { Object.assign(this, { name, start, end, shift, step, seconds, points }); }

  isKnown(measure) { return this.points.some((point) => point[measure] > 0); }

  apartOf(row, window, measure, keys) { return apartOf(row, window, this, measure, keys); }

  words() { return periodWords(this); }

  // What the chart and its words show: each band in both periods, and the dashed line.
  beside(points, dimension, bands, measure) {
    const found = differences(points, this, bands, measure);
    const inOrder = lowest(bands, dimension, found);
    return {
      bands: inOrder, line: dashed(this, inOrder[0], measure), words: compareWords(found, this, measure),
      table: compareTable(found, this, dimension, measure), csv: (part) => otherAddress(dimension, this, part, "csv"),
    };
  }
}

// A window as a period of its own, in the finest step that it is counted in.
const WINDOW_STEPS = { "5m": "10s", "1h": "10s", "24h": "5m", "7d": "1h" };
export const windowPeriod = (key, seconds, against, asOf, since, isOfTenants) => otherPeriod({ step: isOfTenants ? "1h" : WINDOW_STEPS[key], seconds, isOfTenants }, against, asOf, since);

// What a row's share of a window differs by from its share of the other period: {apart, isSure}; null
// where the key has no name of its own in the other one.
function apartOf(row, window, { points }, measure, keys = [row.key]) {
  const isNamed = points.some(({ cells }) => row.key in cells);
  if (!window?.[measure]) return null;
  if (!isNamed && row.key !== "other" && points.some(({ cells }) => "other" in cells)) return null;
  const then = ratioOf(points, { keys }, measure);
  const now = row[`${measure}_ratio`];
  return now == null ? null : { apart: now - then, then, isSure: isBeyondChance(now, window.requests, then, requestsOf(points), measure) };
}

// The band that the dashed line is of lies at the bottom, where both are read off the axis.
function lowest(bands, dimension, found) {
  if (dimension === "origin") return bands;
  const moved = [...found].filter(({ band }) => band.key !== "other").sort((a, b) => Math.abs(b.apart) - Math.abs(a.apart))[0];
  return moved ? [moved.band, ...bands.filter((band) => band !== moved.band)] : bands;
}

function compareWords(found, other, measure) {
  const { of } = measureOf(measure);
  const said = ({ band, share, before, apart }) => [el("strong", null, band.name), `: ${percent(share)} of ${of}, ${percent(before)} then (${pointsWords(apart)} points)`];
  const moved = found.filter(({ band, isSure }) => isSure && band.key !== "other").sort((a, b) => Math.abs(b.apart) - Math.abs(a.apart))[0];
  const against = `Against ${other.name}, ${periodWords(other)}: `;
  return moved ? [`${against}the largest difference is `, ...said(moved), "."] : [`${against}no share of ${of} differs by more than chance.`];
}

function compareTable(found, other, dimension, measure) {
  const { of } = measureOf(measure);
  const rows = [...found].reverse().map(({ band, share: now, before, apart, isSure }) => [
    header("row", el("th", { scope: "row" }, el("span", { class: "name" }, swatch(band.paint, band.pattern), el("span", null, drillLink(dimension, band.key, band.name) ?? band.name)))),
    el("td", null, share(now)), el("td", { class: "muted" }, share(before)),
    el("td", { class: isSure ? null : "muted", title: isSure ? null : "No more than chance explains" }, pointsWords(apart)),
  ]);
  return table({ class: "compared" }, `Per cent of ${of} over each whole period; the difference in points, grey where chance explains it`,
    [el("th", { scope: "col" }, el("span", { class: "unseen" }, "Band")), "This period", other.name.replace("the ", "").replace(/^./, (letter) => letter.toUpperCase()), "Difference"], rows);
}

// The dashed line: the lowest band in the other period, where it would be in this one.
function dashed(other, band, measure) {
  return {
    name: `${band.name}, ${other.name}`, short: `${band.short}, ${periodWords(other)}`,
    points: other.points.map((point) => ({ at: point.start + other.shift, ratio: point[measure] > 0 ? ratioOf([point], band, measure) : null })),
    seconds: other.seconds,
  };
}
