// Shares over time, shown: what changed in words, the chart, its legend and its numbers.

import { draw, say } from "./chart.js";
import { byId, el, fill, header, swatch, table } from "./dom.js";
import { hideNotes, showNotes } from "./notes.js";
import { bandsOf, historyAddress, isBeyondChance, ratioOf, stamp, steps } from "./points.js";
import { measureOf, percent, points as pointsWords, share, spanWords } from "./words.js";

// Why there is no chart, in its place.
export function showNoHistory(words) {
  say(byId("chart"), words);
  for (const id of ["change", "legend", "chart-note", "compared"]) fill(byId(id));
  byId("compared").hidden = true;
  byId("other-csv").hidden = true;
  fill(byId("history-numbers").lastElementChild);
  hideNotes();
}

export function showHistory(history, measure, names) {
  const { dimension, range, points } = history;
  const chart = byId("chart");
  const csv = historyAddress(dimension, range, history.asOf || 0, "csv", history.part);
  if (byId("history-csv").getAttribute("href") !== csv) byId("history-csv").setAttribute("href", csv);
  const used = points.filter((point) => point[measure] > 0);
  if (!used.length) {
    const isQuiet = !points.some((point) => point.requests > 0);
    showNoHistory(isQuiet ? `No traffic in the ${range.long}.` : `No ${measureOf(measure).of} known in the ${range.long}.`);
    return;
  }
  const other = otherOf(history, measure);
  const ranked = bandsOf(used, dimension, measure, names);
  const { bands, line, ...beside } = other?.points ? other.beside(used, dimension, ranked, measure) : { bands: ranked, line: null };
  fill(byId("legend"), ...[...bands].reverse().map((band) => el("li", null, swatch(band.paint, band.pattern), el("span", null, band.name))),
    line ? el("li", null, el("span", { class: "dash", "aria-hidden": "true" }), el("span", null, line.name)) : null);
  fill(byId("change"), ...(beside.words ?? [other ? `${other.none} ` : "", ...changeWords(used, bands, measure, history)]));
  fill(byId("chart-note"), noteWords(range, measure, line));
  byId("compared").hidden = !beside.table;
  fill(byId("compared"), beside.table);
  byId("other-csv").hidden = !beside.csv;
  if (beside.csv) byId("other-csv").href = beside.csv(history.part);
  const details = byId("history-numbers");
  if (details.open) fill(details.lastElementChild, numbers(used, bands, measure, range));
  const { times, ratios } = steps(used, bands, measure, history);
  showNotes(history.notes, times, range);
  draw(chart, { times, bands: bands.map((band, i) => ({ ...band, ratios: ratios[i] })), labels: range.labels, line: line && lineOf(line, range) })
    .catch((error) => say(chart, `${error.message} The table below has the numbers.`));
}

// The other period, or words where there is none: of the chosen measure it may know nothing.
function otherOf({ other }, measure) {
  if (!other?.points || other.isKnown(measure)) return other;
  return { none: `No comparison with ${other.name}: nothing is known of its ${measureOf(measure).of}.` };
}

// The dashed line on the time axis: each point from its start to its end.
function lineOf({ name, points: found, seconds }, range) {
  return { name, ...Object.fromEntries(["times", "ratios"].map((part) => [part, found.flatMap(({ at, ratio }) => (part === "times" ? [stamp(at, range), stamp(at + seconds, range)] : [ratio, ratio]))])) };
}

// What changed most: the first tenth of the period against the last tenth.
function changeWords(points, bands, measure, { range, since, asOf }) {
  // A young deployment has no 28 days, whatever period is chosen.
  const isYoung = since != null && asOf - since < range.seconds * 0.95;
  const span = isYoung ? `over the ${spanWords(asOf - since)} of data so far` : `over the ${range.long}`;
  if (points.length < 2) return [`One point so far in the ${range.long}.`];
  const tenth = Math.max(1, Math.floor(points.length / 10));
  const [first, last] = [points.slice(0, tenth), points.slice(-tenth)];
  const requests = (of) => of.reduce((sum, point) => sum + point.requests, 0);
  const named = bands.filter(({ key }) => key !== "other").map((band) => ({ band, from: ratioOf(first, band, measure), to: ratioOf(last, band, measure) }));
  const { of } = measureOf(measure);
  const moved = named.filter(({ from, to }) => isBeyondChance(from, requests(first), to, requests(last), measure))
    .sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from))[0];
  if (!moved) return [`No share of ${of} moved by more than chance ${span}.`];
  if (Math.abs(moved.to - moved.from) < 0.005) return [`No share of ${of} moved by more than half a point ${span}.`];
  return [
    `Largest change ${span}: `, el("strong", null, moved.band.name), ` from ${percent(moved.from)} to ${percent(moved.to)} of ${of} `,
    `(${pointsWords(moved.to - moved.from)} points).`,
  ];
}

function noteWords(range, measure, line) {
  return `Per cent of ${measureOf(measure).of} of each ${range.point}; the last one is still running. Gaps mean no traffic. `
    + (line ? `Dashed: ${line.short}.` : "Change: the last 10 % of the period against the first 10 %.");
}

function numbers(points, bands, measure, range) {
  const rows = [...points].reverse().map((point) => [
    header("row", stamp(point.start, range).slice(0, range.local ? 16 : 10).replace("T", " ")),
    ...[...bands].reverse().map((band) => el("td", null, share(ratioOf([point], band, measure)))),
  ]);
  const heads = [range.local ? "From (local time)" : "From (UTC)", ...[...bands].reverse().map((band) => band.short)];
  return table(null, `Per cent of ${measureOf(measure).of}, newest first`, heads, rows);
}
