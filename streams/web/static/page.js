// What is shown, asked for every two seconds: the answer first, then tables, chart and health.

import { byId, choice, el, fill } from "./dom.js";
import { fetchHistory, RANGES, showHistory } from "./history.js";
import { jointTable, partitionsTable, recordsTable, sharesTable, unknownTable } from "./tables.js";
import { age, clock, compact, count, percent, WINDOWS } from "./words.js";

const POLL_SECONDS = 2;
const ANSWER_WITHIN_SECONDS = 5;
const RETRY_SECONDS = 5;
// Three questions without an answer are more than one lost packet.
const STALE_AFTER_SECONDS = 6;
// Live traffic is about a second old; a quiet gateway moves the end of the windows all the same.
const OLD_DATA_SECONDS = 60;

const CHOICES = {
  measure: [{ key: "tokens", name: "Tokens" }, { key: "requests", name: "Requests" }],
  window: WINDOWS,
  by: [{ key: "language", name: "Language" }, { key: "developer", name: "Developer" }, { key: "model", name: "Model" }],
  over: [{ key: "origin", name: "Origin" }, { key: "language", name: "Language" }, { key: "developer", name: "Developer" }],
  range: RANGES,
};
const state = { measure: "tokens", window: "24h", by: "language", over: "origin", range: "28d", all: false };
// A young deployment has no days yet: until somebody chooses, the longest of these with two points.
const FIRST_RANGES = ["28d", "24h", "1h"];

let rangeIsChosen = false;
let shares = null;
let history = null;
let historyDue = -Infinity;
let answeredAt = performance.now();
let lastFailure = "";

// The choices are in the address, so that a view can be sent to somebody.
const fromAddress = new URLSearchParams(location.hash.slice(1));
for (const [name, options] of Object.entries(CHOICES)) {
  const wanted = fromAddress.get(name);
  if (options.some(({ key }) => key === wanted)) {
    state[name] = wanted;
    if (name === "range") rangeIsChosen = true;
  }
  choice(byId(name), options, state[name], (key) => choose(name, key));
}

function choose(name, key) {
  state[name] = key;
  if (name === "by") state.all = false;
  if (name === "range") rangeIsChosen = true;
  const { measure, window, by, over, range } = state;
  const view = new URLSearchParams(rangeIsChosen ? { measure, window, by, over, range } : { measure, window, by, over });
  globalThis.history.replaceState(null, "", `#${view}`);
  show();
  if (name === "over" || name === "range") askHistory();
  else if (history) showHistory(history, state.measure, languageNames());
}

byId("more").addEventListener("click", () => { state.all = !state.all; show(); });
for (const id of ["joint", "partitions", "records"]) byId(id).addEventListener("toggle", show);
byId("history-numbers").addEventListener("toggle", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) { answeredAt = performance.now(); poll(); } });

function redraw() { if (history) showHistory(history, state.measure, languageNames()); }

async function ask(address) {
  const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN_SECONDS * 1000), cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? `status ${response.status}`);
  return body;
}

let asking = false;
async function poll() {
  if (asking || document.hidden) return;
  asking = true;
  try {
    shares = await ask("api/v1/shares");
    answeredAt = performance.now();
    lastFailure = "";
  } catch (error) {
    lastFailure = error.message;
    return;
  } finally {
    asking = false;
    showStatus();
  }
  show();
  if (performance.now() > historyDue) askHistory();
}

const rangeNow = () => RANGES.find(({ key }) => key === state.range);

async function askHistory() {
  if (!shares) return;
  const { over, range } = state;
  historyDue = performance.now() + 1000 * rangeNow().every;
  try {
    const body = await fetchHistory(over, rangeNow(), shares.as_of || Date.now() / 1000, ask);
    // Whoever chose something else in the meantime gets that.
    if (over !== state.over || range !== state.range) return;
    const shorter = FIRST_RANGES[FIRST_RANGES.indexOf(range) + 1];
    if (!rangeIsChosen && shorter && body.points.length < 2) {
      state.range = shorter;
      document.querySelector(`#range input[value="${shorter}"]`).checked = true;
      askHistory();
      return;
    }
    history = body;
    showHistory(history, state.measure, languageNames());
  } catch (error) {
    historyDue = performance.now() + 1000 * RETRY_SECONDS;
    byId("chart-note").textContent = `The history did not come: ${error.message}`;
  }
}

function languageNames() {
  const names = new Map();
  for (const { key } of WINDOWS) {
    for (const row of shares?.windows?.[key]?.language ?? []) names.set(row.key, row.name);
  }
  return names;
}

function show() {
  if (!shares) return;
  const { windows } = shares;
  byId("simulated").hidden = !shares.simulated;
  showBanner();
  showHeadline(windows);
  fill(byId("origin-shares"), sharesTable(windows, "origin", state.measure, state.window, true).table);
  showKeys(windows);
  showUnknown();
  showPipeline();
}

function showBanner() {
  const banner = byId("banner");
  if (!shares.ready) {
    const reasons = shares.reasons?.length ? shares.reasons : ["no reason given"];
    fill(banner, el("strong", null, "Not ready: the numbers below may be incomplete."), el("ul", null, ...reasons.map((reason) => el("li", null, reason))));
  }
  banner.hidden = shares.ready;
}

function showHeadline(windows) {
  const { measure } = state;
  const picked = WINDOWS.find(({ key }) => key === state.window);
  const now = windows[picked.key];
  const ratio = (window) => window?.origin?.find(({ key }) => key === "cn-open")?.[`${measure}_ratio`];
  if (!now?.[measure]) {
    fill(byId("headline"), `No traffic in the last ${picked.long}`);
    fill(byId("subline"), "Requests are counted about a second after they reach Kafka.");
    document.title = "tokenshare";
    return;
  }
  fill(byId("headline"), "Chinese open models: ", el("strong", null, percent(ratio(now))), ` of ${measure} in the last ${picked.long}`);
  // A week is compared with its last day, anything shorter with the week.
  const other = WINDOWS.find(({ key }) => key === (picked.key === "7d" ? "24h" : "7d"));
  const words = [];
  if (windows[other.key]?.[measure]) {
    const points = (ratio(now) - ratio(windows[other.key])) * 100;
    const size = Math.abs(points).toFixed(1);
    const than = `the last ${other.long} (${percent(ratio(windows[other.key]))})`;
    words.push(size === "0.0" ? `The same as ${than}. ` : `${size} points ${points > 0 ? "above" : "below"} ${than}. `);
  }
  words.push(`Counted: ${compact(now.requests)} requests, ${compact(now.tokens)} tokens.`);
  fill(byId("subline"), ...words);
  document.title = `${percent(ratio(now))} Chinese open · tokenshare`;
}

function showKeys(windows) {
  byId("keys-heading").textContent = `By ${state.by}`;
  const made = sharesTable(windows, state.by, state.measure, state.window, state.all);
  fill(byId("key-shares"), made.table);
  const more = byId("more");
  more.hidden = !state.all && made.hidden === 0;
  more.textContent = state.all ? "Show fewer" : `Show all ${made.total}`;
  more.setAttribute("aria-expanded", String(state.all));
  if (byId("joint").open) fill(byId("joint").lastElementChild, jointTable(windows[state.window], state.measure));
}

function showUnknown() {
  const week = shares.windows["7d"];
  const unknown = shares.unknown ?? [];
  if (!unknown.length) {
    fill(byId("unknown-note"), week?.requests ? "Every model of the last 7 days has a known origin." : "Nothing yet.");
    fill(byId("unknown"));
    return;
  }
  const row = week?.origin?.find(({ key }) => key === "unknown");
  fill(byId("unknown-note"),
    el("strong", null, percent(row?.[`${state.measure}_ratio`])), ` of ${state.measure} in the last 7 days went to models of unknown origin. `,
    "Say what a name stands for in the file that ", el("code", null, "TOKENSHARE_CATALOG_OVERRIDES"), " names: ",
    "it is read without a restart, and the past is counted anew, too. Ready to be put at its end:");
  const entries = unknown.map((each) => each.override).filter(Boolean).join("\n");
  fill(byId("unknown"), unknownTable(unknown, state.measure, week), el("pre", { tabindex: "0", "aria-label": "Entries for the overrides file" }, el("code", null, entries)));
}

function showPipeline() {
  const { lag, late, rejected, partitions, records } = shares.pipeline ?? {};
  const fact = (name, value, small) => el("div", null, el("dt", null, name), el("dd", null, value, small ? el("small", null, small) : null));
  fill(byId("pipeline"),
    fact("As of", clock(shares.as_of), "where the windows end"),
    fact("Lag", count(lag), "records not yet counted"),
    fact("Late", count(late), "events past the allowed lateness, counted where still kept"),
    fact("Rejected", count(rejected), rejected ? "records, kept in the dead-letter topic" : "records"));
  const missing = (partitions ?? []).length === 0;
  byId("partitions").hidden = missing;
  byId("records").hidden = !records?.length;
  if (byId("partitions").open) fill(byId("partitions").lastElementChild, partitionsTable(partitions ?? [], Date.now() / 1000, age));
  if (byId("records").open) fill(byId("records").lastElementChild, recordsTable(records ?? []));
}

function showStatus() {
  const status = byId("status");
  const silent = (performance.now() - answeredAt) / 1000;
  const stale = silent > STALE_AFTER_SECONDS;
  document.body.classList.toggle("is-stale", stale && shares !== null);
  if (stale) {
    status.className = "status stale";
    status.title = lastFailure;
    // Tens of seconds, so that a screen reader is not told each one.
    status.textContent = `Stale: the worker has not answered for ${age(Math.max(6, silent < 60 ? Math.floor(silent / 10) * 10 : silent))}`;
  } else if (shares) {
    const old = shares.as_of ? Date.now() / 1000 - shares.as_of : 0;
    status.className = "status live";
    status.title = `as of ${clock(shares.as_of)}`;
    status.textContent = old > OLD_DATA_SECONDS ? `Live, data is ${age(old)} old` : "Live";
  }
}

poll();
setInterval(poll, POLL_SECONDS * 1000);
setInterval(showStatus, 1000);
