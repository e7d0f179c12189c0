// The shares of now: one row a key, one column a window.

import { el, header, swatch, table } from "./dom.js";
import { drillLink } from "./filter.js";
import { isFull } from "./points.js";
import { webCells } from "./weblanguages.js";
import { amount, compact, compactAmount, count, keyName, measureOf, ORIGINS, originOf, percent, points, rangeWords, REST, share, spanWords, windowOf, WINDOWS } from "./words.js";

const ROWS_AT_FIRST = 8;
const CAPTIONS = { origin: "Origin of the model", language: "Language of the prompt", developer: "Developer of the model", model: "Model, in the colour of its origin", provider: "Provider that served it", tenant: "Tenant, in whole hours", jurisdiction: "Country whose law the provider is under" };

// What a reader of the origins adds up: both are parts of the same whole, and overlap in one row.
const SUMS = [["All Chinese", ["cn-open", "cn-proprietary"]], ["All open", ["cn-open", "row-open"]]];

// span: {since, asOf}, what tells whether a window is full. other: the period that the picked window is
// set against; expected: by key. Either may be null; both would be too many columns.
export function sharesTable(windows, dimension, measure, picked, all, { since, asOf }, { expected: usual = null, other = null } = {}) {
  const expected = other ? null : usual;
  const ratio = `${measure}_ratio`;
  const lookup = Object.fromEntries(
    WINDOWS.map(({ key }) => [key, new Map((windows[key]?.[dimension] ?? []).map((row) => [row.key, row]))]),
  );
  // Tenants have no shorter windows: their rows are those of the day.
  const isMissing = !windows[picked]?.[dimension];
  const rows = order(windows[picked]?.[dimension] ?? windows["24h"]?.[dimension] ?? [], dimension, measure);
  const web = dimension === "language" && !other ? webCells(rows.map(({ key }) => key)) : null;
  const shown = all || dimension === "origin" ? rows : rows.slice(0, ROWS_AT_FIRST);
  const body = shown.map((row) => {
    const bar = el("span");
    bar.hidden = isMissing || !row[ratio];
    bar.style.width = `${Math.min(100, 100 * (row[ratio] || 0))}%`;
    // What is left over is of many origins, so it wears the colour of none.
    const mixed = row.key === "other";
    const origin = dimension === "origin" ? row.key : row.origin;
    const paint = dimension !== "origin" && dimension !== "model" ? null : mixed ? { paint: REST[0], pattern: REST[1] } : originOf(origin);
    if (paint) bar.className = `fill ${paint.paint}`;
    const originName = dimension === "model" && !mixed ? originOf(origin).name : null;
    const name = keyName(dimension, row.key, row.name);
    return [
      header("row", el("th", { scope: "row" },
        el("span", { class: "name" }, paint ? swatch(paint.paint, paint.pattern) : null,
          el("span", { title: originName }, drillLink(dimension, row.key, name) ?? name, originName ? el("span", { class: "unseen" }, `, ${originName}`) : null)),
        el("span", { class: paint ? "bar under-swatch" : "bar", "aria-hidden": "true" }, bar))),
      ...WINDOWS.map(({ key }) => cell(lookup[key].get(row.key), windows[key], ratio, measure, key === picked, !windows[key]?.[dimension])),
      ...(expected ? [expectedCell(expected.get(row.key))] : []),
      ...(other ? [apartCell(isMissing ? null : other.apartOf(row, windows[picked], measure))] : []),
      ...(web ? [web.get(row.key)] : []),
    ];
  });
  const heads = [
    "", ...WINDOWS.map(({ key, name, long }) => windowHead(key, name, long, picked, isFull(windows[key], since, asOf) ? null : spanWords(asOf - since))),
    ...(expected ? [el("th", { scope: "col", class: "expected", title: `Expected in the last ${windowOf(picked).long}, from the days before` }, "Expected")] : []),
    ...(other ? [el("th", { scope: "col", class: "apart", title: `The last ${windowOf(picked).long} against ${other.name}` }, "Difference", el("small", null, "points"))] : []),
    ...(web ? [el("th", { scope: "col", class: "web", title: "Per cent of websites by the language of their home page" }, "Web", el("small", null, "sites"))] : []),
  ];
  heads[0] = el("th", { scope: "col" }, el("span", { class: "unseen" }, CAPTIONS[dimension]));
  const foot = dimension === "origin" ? SUMS.map(([name, keys]) => [
    header("row", name),
    ...WINDOWS.map(({ key }) => el("td", { class: key === picked ? "picked" : null }, share(sumOf(lookup[key], keys, ratio, windows[key]?.[measure])))),
    ...(expected ? [el("td", { class: "expected" }, share(keys.reduce((sum, key) => sum + (expected.get(key)?.baseline ?? NaN), 0)))] : []),
    ...(other ? [apartCell(other.apartOf(sumRow(keys, lookup[picked], ratio), windows[picked], measure, keys))] : []),
  ]) : [];
  foot.push([
    header("row", `All ${measureOf(measure).all ?? measureOf(measure).of}`),
    ...WINDOWS.map(({ key }) => el("td", { class: key === picked ? "picked" : null, title: amount(windows[key]?.[measure], measure) }, compactAmount(windows[key]?.[measure], measure))),
    ...(expected || other ? [el("td", { class: expected ? "expected" : "apart" })] : []),
    ...(web ? [el("td", { class: "web", title: "Another unit: not added up" })] : []),
  ]);
  const caption = `${CAPTIONS[dimension]}, per cent of ${measureOf(measure).of}${web ? "; web: per cent of sites" : ""}`;
  const made = table({ class: `shares${web ? " with-web" : ""}${other ? " with-apart" : ""}` }, caption, heads, body, foot);
  return { table: made, hidden: rows.length - shown.length, total: rows.length, keys: shown.map(({ key }) => key) };
}

// A window that is longer than there is data says for how long there is.
function windowHead(key, name, long, picked, soFar) {
  const css = [key === picked ? "picked" : "", soFar ? "not-full" : ""].join(" ").trim();
  return el("th", { scope: "col", class: css || null, title: soFar ? `last ${long}: only ${soFar} of data so far` : `last ${long}` }, name, soFar ? el("small", null, `${soFar} so far`) : null);
}

function expectedCell(of) {
  if (!of) return el("td", { class: "expected muted", title: "Not known" }, "–");
  return el("td", { class: "expected muted", title: of.usual == null ? null : `normal range ${rangeWords(of.baseline, of.usual)}` }, share(of.baseline));
}

function apartCell(of) {
  if (!of) return el("td", { class: "apart muted", title: "Not known by name in the other period" }, "–");
  return el("td", { class: of.isSure ? "apart" : "apart muted", title: `${percent(of.then)} then${of.isSure ? "" : "; the difference is no more than chance"}` }, points(of.apart));
}

const sumRow = (keys, rows, ratio) => ({ key: keys[0], [ratio]: keys.reduce((sum, key) => sum + (rows.get(key)?.[ratio] ?? 0), 0) });

function sumOf(rows, keys, ratio, whole) {
  return whole ? keys.reduce((sum, key) => sum + (rows.get(key)?.[ratio] ?? 0), 0) : NaN;
}

const last = (key) => (key === "other" ? 1 : 0);

// Origins keep their place, so that the eye finds them again; the rest goes by size, "other" last.
function order(rows, dimension, measure) {
  if (dimension === "origin") {
    const own = ORIGINS.map(({ key }) => rows.find((row) => row.key === key) ?? { key, [measure]: 0 });
    return [...own, ...rows.filter(({ key }) => !ORIGINS.some((origin) => origin.key === key))];
  }
  return [...rows].sort((a, b) => last(a.key) - last(b.key) || (b[measure] ?? -1) - (a[measure] ?? -1));
}

function cell(row, window, ratio, measure, picked, isMissing) {
  const css = picked ? "picked" : "muted";
  if (isMissing) return el("td", { class: css, title: "Not counted: tenants are counted by the hour, for 24 h and 7 d" }, "–");
  if (!window?.[measure]) return el("td", { class: css, title: window?.requests ? `No ${measureOf(measure).of} known in this window` : "No traffic in this window" }, "–");
  if (!row) return el("td", { class: css, title: "None, or too little to be listed: then it is in Other" }, "–");
  if (row[ratio] == null) return el("td", { class: css, title: `${count(row.requests)} requests, of which the ${measureOf(measure).of} are not known` }, "–");
  const cost = row.cost == null ? "" : `, ${amount(row.cost, "cost")}`;
  return el("td", { class: css, title: `${count(row.tokens)} tokens, ${count(row.requests)} requests${cost}` }, share(row[ratio]));
}

const MATRIX_ROWS = 12;

// One row a key of `by` (language, jurisdiction), one column an origin: each row adds up to 100.
export function originMatrix(window, pairs, by, measure) {
  const sums = new Map();
  for (const { origin, [by]: key, [measure]: value } of window?.[pairs] ?? []) {
    const row = sums.get(key) ?? { total: 0 };
    row[origin] = (row[origin] ?? 0) + (value ?? 0);
    row.total += value ?? 0;
    sums.set(key, row);
  }
  const names = new Map((window?.[by] ?? []).map((row) => [row.key, row.name]));
  const rows = [...sums].filter(([, row]) => row.total > 0).sort((a, b) => b[1].total - a[1].total)
    .slice(0, MATRIX_ROWS).sort(([a], [b]) => last(a) - last(b));
  return table(null, `Each ${by}'s ${measureOf(measure).of} by origin of the model, per cent`,
    [el("th", { scope: "col" }, el("span", { class: "unseen" }, by === "language" ? "Language" : "Jurisdiction")), ...ORIGINS.map(({ short }) => short)],
    rows.map(([key, row]) => [
      header("row", keyName(by, key, names.get(key))),
      ...ORIGINS.map(({ key: origin }) => el("td", null, share((row[origin] ?? 0) / row.total))),
    ]));
}

// Of a model of unknown origin, only tokens and requests are sent.
export const unknownBy = (measure) => (measure === "requests" ? measure : "tokens");

export function unknownTable(unknown, measure, week) {
  const by = unknownBy(measure);
  const total = week?.[by] || NaN;
  const rows = [...unknown].sort((a, b) => b[by] - a[by]);
  return table(null, `Models of unknown origin, last 7 days, by ${by}`,
    [el("th", { scope: "col" }, "Model, as the gateway names it"), "Tokens", "Requests", "Share", "Why"],
    rows.map((row) => [
      header("row", el("th", { scope: "row" }, el("code", { title: row.model }, row.model))),
      el("td", null, compact(row.tokens)), el("td", null, compact(row.requests)), el("td", null, percent(row[by] / total)),
      el("td", { class: "words" }, (row.matched_by ?? "").replace(/^unknown: /, "")),
    ]));
}

export function partitionsTable(partitions, now, agoOf) {
  return table(null, "Source partitions",
    ["Partition", "Position", "End", "Lag", "Newest event", "Counted"],
    partitions.map((one) => [
      header("row", String(one.partition)),
      el("td", null, count(one.position)), el("td", null, count(one.end_offset)), el("td", null, count(one.lag)),
      el("td", null, one.newest ? `${agoOf(now - one.newest)} ago` : "–"),
      el("td", null, one.owned ? "here" : "elsewhere"),
    ]));
}

export function recordsTable(records) {
  return table(null, "Kafka records since the first one, by outcome",
    ["Result", "Records"],
    records.map((one) => [
      header("row", one.reason ? `${one.result}: ${one.reason}` : one.result), el("td", null, count(one.count)),
    ]));
}
