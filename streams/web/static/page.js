// The page: what is asked for, when, and which part of it shows the answer.

import { showAnswer, showPart } from "./answer.js";
import { ask, askEarly } from "./ask.js";
import { toPaper } from "./chart.js";
import { byId, choice, el, fill } from "./dom.js";
import { filterQuery, isCounted, isFiltered, isSame, nameOf, notCounted, showCrumbs } from "./filter.js";
import { showPipeline, showStatus } from "./health.js";
import { showHistory, showNoHistory } from "./history.js";
import { listen } from "./live.js";
import { fetchHistory, FIRST_RANGES, historyAddress, NO_TENANT_RANGE, ownRange, RANGES, tenantRange, WHOLE_POINTS } from "./points.js";
import { offerPictures } from "./share.js";
import { change, expectedOf, itemOf, showMovers, showShifts } from "./shifts.js";
import { isServedKnown, isServedSeen, onServedSeen, showMore, showServed } from "./served.js";
import { originMatrix, sharesTable } from "./tables.js";
import { showUnknown } from "./unknown.js";
import { CHOICES, choose, goTo, onChange, place, refusedParts, view } from "./view.js";
import { webNote } from "./weblanguages.js";
import { onPrint, onTheme } from "./theme.js";
import { measureOf, momentTime, percent, WINDOWS } from "./words.js";

const SHIFTS_EVERY_SECONDS = 10;
const MOVERS_EVERY_SECONDS = 30;
const NOTES_EVERY_SECONDS = 30;
const OTHERS_EVERY_SECONDS = 60;
const POLICY_EVERY_SECONDS = 30;
const RETRY_SECONDS = 5;
// Who served it and the policy are further down: asked for after the first view, so that a print
// has them.
const SERVED_AFTER_SECONDS = 5;
// A browser asks its reader for the token each time that the worker does.
const TOKEN_SECONDS = 60;

let shares = null;
let shifts = null;
let history = null;
let notes = null;
// The other period of the chosen window: {none} or {name, start, end, of: {dimension: its points}}.
let others = null;
// What the answer of the policy is shown by, where there is one.
let policy = null;
let showPolicy = null;
let range = FIRST_RANGES[0];
let answeredAt = performance.now();
let failure = "";
// The place that the address names is gone to once, when what is there has come.
let isPlaced = false;
// On paper there is no button for the rest of the rows.
let isPrinted = false;

const due = { shares: -Infinity, shifts: -Infinity, history: -Infinity, movers: -Infinity, notes: -Infinity, others: -Infinity, policy: Infinity };
const isDue = (what) => performance.now() > due[what];
const later = (what, seconds) => { due[what] = performance.now() + 1000 * seconds; };
const asOfNow = () => shares?.as_of || Date.now() / 1000;
const isOfTenants = () => view.over === "tenant" || "tenant" in view.filter;
// What is looked at; tenants have other steps, and none in most periods.
function rangeNow() {
  const found = view.from || view.to ? ownRange(view.from, view.to, asOfNow()) : RANGES.find(({ key }) => key === (view.range ?? (isOfTenants() ? "7d" : range)));
  return isOfTenants() ? tenantRange(found, asOfNow()) ?? found : found;
}
const shiftNow = () => (view.shift ? { ...view.shift, measure: view.measure, window: view.window } : null);

// Rounds of questions, each after the answers of the one before: a slow worker is never asked faster
// than it answers.
let isAsking = false;
let isWanted = false;
async function refresh() {
  isWanted = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (isWanted && !document.hidden) {
      isWanted = false;
      await round();
    }
  } finally {
    isAsking = false;
  }
}

// What the first view is of, all at once: the shares are answered first, and shown. The time of the
// worker is not known yet: where it is far from the clock's, the history is asked for again.
function askFirst() {
  if (document.hidden) return;
  const isOfDays = isCounted(view.filter, view.over) && !isOfTenants();
  askEarly([sharesAddress(), "api/v1/notes", ...(isOfDays ? [historyAddress(view.over, rangeNow(), asOfNow(), null, filterQuery(view.filter))] : []), "api/v1/shifts"]);
}

// The shares, and what else is due.
async function round() {
  if (!isDue("shares")) return;
  await askShares();
  if (!shares || failure) return;
  // Before the chart, which does not move when they come.
  if (isDue("notes")) await askNotes();
  await Promise.all([isDue("shifts") && askShifts(), isDue("history") && askHistory(), view.against && isDue("others") && askOthers()]);
  if (isDue("movers") && change(shifts, shiftNow())) await askMovers();
  if (isDue("policy")) await askPolicy();
}

// Only what is looked at: the models alone would be as much again as all the rest.
function dimensionsNow() {
  const served = isServedSeen() || isServedDue ? ["provider", ...(byId("law").open ? ["law"] : [])] : [];
  const wanted = new Set(["origin", "language", "jurisdiction", view.by, ...(byId("joint").open ? ["joint"] : []), ...served]);
  if (view.filter.tenant || view.over === "tenant") wanted.add("tenant");
  return [...wanted].filter((dimension) => dimension.length && isCounted(view.filter, dimension)).join(",");
}

const sharesAddress = () => `api/v1/shares?dimensions=${dimensionsNow()}${filterQuery(view.filter)}`;
let isServedDue = false;
// What has come may still be of what was chosen before.
const isShown = () => shares && isSame(shares.filter ?? {}, view.filter);

async function askShares() {
  const isWithServed = isServedDue;
  try {
    shares = withProviders(await ask(sharesAddress()), shares);
    answeredAt = performance.now();
    failure = "";
    if (isWithServed) isServedDue = false;
  } catch (error) {
    failure = error.message;
    if (error.status === 401) later("shares", TOKEN_SECONDS);
  }
  showLine();
  show();
}

// Providers that were asked for once stay until they are asked for again.
function withProviders(body, before) {
  if (!before || !isSame(before.filter ?? {}, body.filter ?? {})) return body;
  for (const [key, window] of Object.entries(body.windows)) window.provider ??= before.windows[key]?.provider;
  return body;
}

async function askShifts() {
  later("shifts", SHIFTS_EVERY_SECONDS);
  try {
    const body = await ask("api/v1/shifts");
    // A worker that has just started has not computed them: that is not a history of no days.
    if (!body.as_of) {
      later("shifts", RETRY_SECONDS);
      fill(byId("shifts-state"), "They are computed within a minute of a worker's start, once there is traffic.");
      return;
    }
    shifts = body;
    show();
    goToPlace();
  } catch (error) {
    later("shifts", RETRY_SECONDS);
    if (!shifts) fill(byId("shifts-state"), `The shifts could not be loaded: ${error.message}`);
  }
}

async function askHistory() {
  const { over } = view;
  const asked = rangeNow();
  const part = filterQuery(view.filter);
  const { against } = view;
  later("history", asked.every);
  if (!isCounted(view.filter, over)) {
    history = null;
    showNoHistory(notCounted(over));
    return;
  }
  if (isOfTenants() && !asked.isOfTenants) {
    history = null;
    showNoHistory(NO_TENANT_RANGE);
    return;
  }
  try {
    const body = await fetchHistory(over, asked, asOfNow(), part, ask);
    // Whoever chose something else in the meantime gets that.
    if (over !== view.over || asked.key !== rangeNow().key || part !== filterQuery(view.filter) || against !== view.against) { due.history = -Infinity; isWanted = true; return; }
    const shorter = !asked.isOfTenants && !view.from && !view.to && FIRST_RANGES[FIRST_RANGES.indexOf(asked.key) + 1];
    if (shorter && !view.range && body.points.length < WHOLE_POINTS) {
      range = shorter;
      showChoices();
      await askHistory();
      return;
    }
    const other = against ? await askOther(over, asked, part, against) : null;
    if (against !== view.against) { due.history = -Infinity; isWanted = true; return; }
    history = { ...body, other };
    redraw();
  } catch (error) {
    later("history", RETRY_SECONDS);
    if (history) byId("chart-note").textContent = `The history could not be loaded: ${error.message}`;
    else showNoHistory(`The history could not be loaded: ${error.message}`);
  }
}

// The period that this one is set against, or why there is none.
// The module is loaded by who compares.
async function askOther(over, asked, part, against) {
  const { fetchOther, otherPeriod } = await import("./compare.js");
  const other = otherPeriod(asked, against, asOfNow(), shares.since);
  if (other.none) return other;
  return fetchOther(over, other, part, ask).catch((error) => ({ none: `${other.name} could not be loaded: ${error.message}` }));
}

// The window's tables against the other period: each dimension that is shown.
async function askOthers() {
  later("others", OTHERS_EVERY_SECONDS);
  const { against, window, filter } = view;
  const now = shares.windows[window];
  if (!now) return;
  let found;
  try {
    const { fetchOther, windowPeriod } = await import("./compare.js");
    const periodOf = (isOfTenants) => windowPeriod(window, now.seconds, against, asOfNow(), shares.since, isOfTenants);
    found = { ...periodOf("tenant" in filter), of: {} };
    const wanted = ["origin", view.by, ...(isServedKnown(shares.windows) ? ["jurisdiction"] : []), ...(now.provider ? ["provider"] : [])];
    // One at a time: the worker answers few long questions at once.
    for (const dimension of new Set(wanted.filter((each) => isCounted(filter, each)))) {
      const period = dimension === "tenant" ? periodOf(true) : found;
      if (!period.none) found.of[dimension] = await fetchOther(dimension, period, filterQuery(filter), ask);
    }
  } catch (error) {
    later("others", RETRY_SECONDS);
    found = { none: `The other period could not be loaded: ${error.message}` };
  }
  if (against !== view.against || window !== view.window || !isSame(filter, view.filter)) { due.others = -Infinity; isWanted = true; return; }
  others = found;
  show();
}

// What a table's difference is against, or null.
function otherTo(dimension) {
  const found = view.against && !others?.none ? others?.of[dimension] : null;
  return found?.isKnown(view.measure) ? found : null;
}

function againstWords() {
  if (!view.against || !others) return "";
  if (others.none) return others.none;
  if (!otherTo("origin")) return others.of.origin ? `No comparison with ${others.name}: nothing is known of its ${measureOf(view.measure).of}.` : "";
  return `Difference: points against ${others.name}, ${otherTo("origin").words()}; grey where chance explains it.`;
}

// Without its notes a chart is whole: those before stay.
async function askNotes() {
  later("notes", NOTES_EVERY_SECONDS);
  notes = await ask("api/v1/notes").catch(() => notes);
  redraw();
}

// The module is loaded where there is a policy.
async function askPolicy() {
  later("policy", POLICY_EVERY_SECONDS);
  try {
    policy = await ask("api/v1/policy");
    if (policy.is_current !== null) ({ showPolicy } = await import("./policy.js"));
  } catch {
    // What came before stays.
    return;
  }
  show();
}

async function askMovers() {
  const asked = shiftNow();
  later("movers", MOVERS_EVERY_SECONDS);
  try {
    await showMovers(asked, await ask(`api/v1/shifts/movers?${new URLSearchParams(asked)}`), languageNames());
  } catch (error) {
    later("movers", RETRY_SECONDS);
    showMovers(asked, error.message);
  }
}

function show() {
  showCrumbs(view.filter, keyNames);
  const refused = refusedParts();
  fill(byId("refused"), refused.length ? `The address asks for ${refused.join(", ")}, which the page does not have: it is left out.` : null);
  if (!isShown()) return;
  const { windows } = shares;
  const isPart = isFiltered(view.filter);
  byId("simulated").hidden = !shares.simulated;
  byId("unknown-section").hidden = isPart;
  byId("shares-csv").href = `api/v1/shares?format=csv${view.by === "tenant" ? "&dimensions=origin,language,tenant" : ""}${filterQuery(view.filter)}`;
  if (isPart) showPart(shares, view, nameOf(view.filter, keyNames));
  else showAnswer(shares, shifts, view);
  fill(byId("origin-shares"), sharesTable(windows, "origin", view.measure, view.window, true, spanNow(), { expected: isPart ? null : expectedOf(shifts, "origin", view), other: otherTo("origin") }).table);
  showKeys(windows);
  fill(byId("against-note"), againstWords());
  showServed(windows, { ...view, allProviders: view.allProviders || isPrinted }, spanNow(), otherTo);
  showMeasures(windows);
  if (shifts) showShifts(shifts, view, keyNames, openShift);
  showUnknown(shares, view.measure);
  showPolicy?.(policy, view.window, isPart);
  showPipeline(shares);
}

// What tells whether a window is full.
const spanNow = () => ({ since: shares.since, asOf: shares.as_of });

function showKeys(windows) {
  byId("joint").hidden = !isCounted(view.filter, "joint");
  if (!isCounted(view.filter, view.by)) {
    byId("keys-heading").textContent = `By ${view.by}`;
    fill(byId("key-shares"), el("p", { class: "note" }, notCounted(view.by)));
    for (const id of ["more", "web-note"]) byId(id).hidden = true;
    return;
  }
  if (byId("joint").open && windows[view.window]?.joint) fill(byId("joint").lastElementChild, originMatrix(windows[view.window], "joint", "language", view.measure));
  // What has just been chosen is on its way: the table before it stays until then.
  if (!WINDOWS.some(({ key }) => windows[key]?.[view.by])) return;
  byId("keys-heading").textContent = `By ${view.by}`;
  const made = sharesTable(windows, view.by, view.measure, view.window, view.all || isPrinted, spanNow(), { other: otherTo(view.by) });
  fill(byId("key-shares"), made.total ? made.table : el("p", { class: "note" }, view.by === "tenant" ? "No tenant was counted in the last 7 days." : "Nothing yet."));
  showMore(byId("more"), made, view.all);
  byId("web-note").hidden = view.by !== "language" || !made.total || otherTo(view.by) !== null;
  if (view.by === "language") fill(byId("web-note"), ...webNote(made.keys));
}

// A measure is there to choose where something of it is known; what part has a price is said.
function showMeasures(windows) {
  const known = Object.values(windows);
  byId("measure").querySelector("[value=cost]").parentElement.hidden = view.measure !== "cost" && !known.some(({ cost }) => cost != null);
  for (const name of ["provider", "jurisdiction"]) byId("over").querySelector(`[value=${name}]`).parentElement.hidden = view.over !== name && !isServedKnown(windows);
  fill(byId("coverage"), coverageWords(windows[view.window] ?? {}));
}

function coverageWords({ priced_ratio: priced, estimated_ratio: estimated, measured_ratio: measured, tokens }) {
  if (!tokens) return "";
  if (isOfTenants() && ["cost", "uncached_tokens"].includes(view.measure)) return "Tenants are counted by requests and tokens, not by price or cache reads.";
  if (view.measure === "cost") return `Prices known for ${percent(priced ?? 0)} of tokens${priced && estimated ? `, of them ${percent(estimated / priced)} estimated from a list of prices` : ""}.`;
  return view.measure === "uncached_tokens" && measured < 1 ? `Cache reads known for ${percent(measured ?? 0)} of tokens.` : "";
}

function redraw() {
  if (history) showHistory({ ...history, notes, since: shares?.since }, view.measure, keyNames(view.over));
}

const languageNames = () => keyNames("language");
function keyNames(dimension) {
  const names = new Map();
  for (const { key } of WINDOWS) {
    for (const row of shares?.windows?.[key]?.[dimension] ?? []) if (row.name) names.set(row.key, row.name);
  }
  return names;
}

function showLine() { showStatus((performance.now() - answeredAt) / 1000, shares, failure); }

// An opened shift is the view, in its measure and window; so its address can be sent.
function openShift({ dimension, key, measure, window }, isOpen) {
  const now = shiftNow();
  const isNow = now && [now.dimension === dimension, now.key === key, now.measure === measure, now.window === window].every(Boolean);
  if (isOpen && !isNow) choose({ shift: { dimension, key }, measure, window });
  else if (!isOpen && isNow) choose({ shift: null });
}

function goToPlace() {
  if (isPlaced) return;
  isPlaced = true;
  const wanted = shiftNow();
  if (place()) goTo(place());
  else if (wanted) {
    const item = itemOf(wanted);
    (item ?? byId("shifts")).scrollIntoView({ block: item ? "center" : "start" });
    (item?.firstElementChild ?? byId("shifts")).focus({ preventScroll: true });
  }
}

const radios = Object.entries(CHOICES).map(([name, options]) => choice(byId(name), options, (key) => choose({ [name]: key, ...(name === "by" ? { all: false } : name === "range" ? { from: "", to: "" } : {}) }, name)));
function showChoices() {
  for (const check of radios) check({ ...view, range: rangeNow().key });
  for (const name of ["from", "to"]) byId(name).value = view[name];
}

// What decides which history is asked for.
const PERIOD = ["filter", "over", "range", "from", "to", "against"];
onChange((parts) => {
  showChoices();
  if (parts.has("filter")) history = null;
  if (["filter", "window", "against"].some((part) => parts.has(part))) others = null;
  if (["filter", "window", "against", "by"].some((part) => parts.has(part))) due.others = -Infinity;
  if (PERIOD.some((part) => parts.has(part))) due.history = -Infinity;
  const wanted = shiftNow();
  const isOther = wanted && ["shift", "measure", "window"].some((part) => parts.has(part));
  if (isOther) {
    due.movers = -Infinity;
    showMovers(wanted, "Loading what moved it…");
  }
  show();
  if (parts.has("measure")) redraw();
  if (place()) goTo(place());
  if (isOther || ["by", "window", ...PERIOD].some((part) => parts.has(part))) refresh();
});

showChoices();
byId("more").addEventListener("click", () => choose({ all: !view.all }, "all"));
byId("more-providers").addEventListener("click", () => choose({ allProviders: !view.allProviders }, "providers"));
byId("more-shifts").addEventListener("click", () => choose({ allShifts: !view.allShifts }, "shifts"));
for (const id of ["joint", "law"]) byId(id).addEventListener("toggle", refresh);
onServedSeen(() => { due.others = -Infinity; refresh(); });
setTimeout(() => { isServedDue = true; due.others = due.policy = -Infinity; refresh(); }, 1000 * SERVED_AFTER_SECONDS);
for (const id of ["partitions", "records"]) byId(id).addEventListener("toggle", show);
byId("history-numbers").addEventListener("toggle", redraw);
for (const name of ["from", "to"]) byId(name).addEventListener("change", () => choose({ [name]: byId(name).value }, name));
onTheme(redraw);
onPrint((isNow) => {
  isPrinted = isNow;
  toPaper(isNow);
  if (shares) show();
  redraw();
});
offerPictures(() => {
  const { long, point } = rangeNow();
  const what = isFiltered(view.filter) ? ` (${nameOf(view.filter, keyNames)})` : "";
  return { words: `Share of ${measureOf(view.measure).of} by ${view.over}${what}, ${long}, each ${point}; to ${momentTime(shares.as_of)}`, file: `tokenshare-${view.over}-${view.measure}` };
});
// The time in which the page was hidden does not count as silence of the worker.
document.addEventListener("visibilitychange", () => { answeredAt = performance.now(); });
setInterval(() => { if (!document.hidden) showLine(); }, 1000);
askFirst();
listen("api/v1/events", refresh);
