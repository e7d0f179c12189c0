// What has shifted: a share against its baseline from the week before, and its usual spread.

import { byId, el, fill } from "./dom.js";
import { nameOf as partName } from "./filter.js";
import { filterAddress, SHIFT_MEASURES } from "./view.js";
import { keyName, percent, points, windowOf, halfRange } from "./words.js";

const QUIET_AT_FIRST = 5;

const nameOf = ({ dimension, key, measure, window }) => [dimension, key, measure, window].join("/");
const size = ({ zscore, shift }) => Math.abs(zscore ?? 0) || Math.abs(shift ?? 0) / 1000;

// The entry of one key, measure and window, if there is one.
export function change(shifts, wanted) {
  return wanted && shifts?.shifts.find((each) => nameOf(each) === nameOf(wanted));
}

// What is expected of each key of a dimension, or null where nothing is.
export function expectedOf(shifts, dimension, { measure, window }) {
  const found = new Map((shifts?.shifts ?? []).filter((each) => each.dimension === dimension && each.measure === measure && each.window === window && each.baseline != null)
    .map(({ key, baseline, usual_spread: usual }) => [key, { baseline, usual }]));
  return found.size ? found : null;
}

// Those that have shifted, most unusual first.
export function shiftedOf(shifts) {
  return (shifts?.shifts ?? []).filter((each) => each.is_shifted).sort((a, b) => size(b) - size(a));
}

export const daysKnown = ({ baseline_days: days, needed_days: needed }) => {
  // 20.96 of 21 days are not 21.
  const tenths = Math.floor(days * 10) / 10;
  return String(Math.min(tenths, needed));
};

const items = new Map();

// shown: {measure, window, shift, allShifts, filter}; names: of the keys of a dimension; open(shift, isOpen) is called when somebody opens or closes one.
export function showShifts(shifts, shown, names, open) {
  const wanted = shown.shift ? nameOf({ ...shown.shift, measure: shown.measure, window: shown.window }) : null;
  const ranked = rank(shifts, shown.measure);
  // Of a part, those of what is chosen: within it none are worked out.
  const chosen = ranked.filter(({ dimension, key }) => shown.filter[dimension] === key);
  const listed = chosen.length ? chosen : ranked;
  showWhatOf(shown.filter, chosen.length > 0, names);
  const shifted = listed.filter((each) => each.is_shifted).length;
  const atFirst = shifted + QUIET_AT_FIRST;
  const rows = listed.filter((each, i) => shown.allShifts || i < atFirst || nameOf(each) === wanted);
  fill(byId("shifts-state"), ...stateWords(shifts, shifted, rows.length));
  showProgress(shifts);
  const reach = reachOf(rows);
  const made = rows.map((each) => item(each, reach, nameOf(each) === wanted, open));
  place(byId("shift-list"), made);
  const more = byId("more-shifts");
  more.hidden = listed.length <= atFirst;
  more.textContent = shown.allShifts ? "Show fewer" : `Show all ${listed.length}`;
  more.setAttribute("aria-expanded", String(shown.allShifts));
  const isGone = wanted && !listed.some((each) => nameOf(each) === wanted);
  fill(byId("shift-gone"), isGone ? `${keyName(shown.shift.dimension, shown.shift.key)} has no shift of ${shown.measure} in the last ${windowOf(shown.window).long}: too little traffic, or no longer listed by name.` : "");
  byId("shift-gone").hidden = !isGone;
}

// What the shifts are of, where the page is about a part of the traffic.
function showWhatOf(filter, isChosen, names) {
  const note = byId("shifts-of");
  const entries = Object.entries(filter);
  note.hidden = !entries.length;
  const what = partName(filter, names);
  const link = el("a", { class: "drill", href: filterAddress({}), "data-filter": "{}" }, "All shifts");
  if (isChosen) fill(note, `Shifts of ${what}, as shares of all traffic; within a part of it none are worked out. `, link, ".");
  else fill(note, entries.length ? `These shifts are of all traffic, not of ${what}: within a part of it none are worked out.` : null);
}

// What has shifted is listed in both measures; what has not, in the chosen one.
function rank(shifts, shown) {
  const measure = SHIFT_MEASURES.includes(shown) ? shown : SHIFT_MEASURES[0];
  const quiet = shifts.shifts.filter((each) => !each.is_shifted && each.measure === measure && each.shift != null);
  return [...shiftedOf(shifts), ...quiet.sort((a, b) => size(b) - size(a))];
}

function stateWords({ baseline_days: days, needed_days: needed }, shifted, rows) {
  if (shifted) return [el("strong", null, shifted === 1 ? "One shift. " : `${shifted} shifts. `), "Open one to see which models and tenants caused it."];
  if (days < needed) {
    return [
      el("strong", null, `History is too short to say what is usual: ${daysKnown({ baseline_days: days, needed_days: needed })} of ${needed} days. `),
      rows ? "Until then, what differs most from the days before, without a verdict:" : "Shifts are shown once there is enough history to know how far each share usually moves.",
    ];
  }
  return [el("strong", null, "Nothing has shifted. "), rows ? "The largest deviations:" : "No share has a baseline yet."];
}

function showProgress({ baseline_days: days, needed_days: needed }) {
  const progress = byId("shifts-progress");
  progress.hidden = days >= needed;
  progress.max = needed;
  progress.value = Math.min(days, needed);
}

// An item stays the same element while its numbers change: open, focused, and in its place.
function item(each, reach, isOpen, open) {
  const name = nameOf(each);
  const made = items.get(name) ?? make();
  items.set(name, made);
  made.each = each;
  made.open = open;
  made.details.classList.toggle("shifted", each.is_shifted);
  fill(made.summary, ...summaryOf(each, reach));
  if (made.details.open !== isOpen) made.details.open = isOpen;
  return made;
}

function make() {
  const made = { summary: el("summary"), body: el("div", { class: "movers" }) };
  made.details = el("details", { class: "shift" }, made.summary, made.body);
  made.element = el("li", null, made.details);
  made.details.addEventListener("toggle", () => made.open(made.each, made.details.open));
  return made;
}

function place(list, made) {
  const elements = made.map(({ element }) => element);
  if (elements.length === list.children.length && elements.every((element, i) => element === list.children[i])) return;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...elements);
  focused?.focus({ preventScroll: true });
}

function summaryOf(each, reach) {
  const { dimension, key, name, measure, window, share, baseline, shift, usual_spread: spread, zscore, sentence } = each;
  const usual = spread == null ? null : halfRange(spread);
  return [
    el("span", { class: "who" },
      el("b", null, keyName(dimension, key, name)), " ", each.is_shifted ? el("span", { class: "mark" }, "Shifted") : null,
      el("small", null, `${measure}, last ${windowOf(window).name}`),
      because(sentence)),
    el("span", { class: "share" }, percent(share), el("small", null, `expected ${percent(baseline)}`)),
    gauge(shift, usual, reach),
    el("span", { class: "delta" }, el("b", null, `${points(shift)} points`),
      el("small", null, usual == null ? "normal range not known" : `normal ±${(usual * 100).toFixed(1)}${zscore == null ? "" : `, z ${zscore.toFixed(1).replace("-", "−")}`}`)),
  ];
}

// What moved it, and what is noted: the sentence after what the numbers beside it say.
function because(sentence) {
  const at = sentence?.search(/: |; note of /) ?? -1;
  return at < 0 ? null : el("small", { class: "sentence" }, sentence.slice(at + 2));
}

// All gauges have one scale, so that the eye compares: in normal ranges, or in points where none is
// known. Beyond the end of it a dot stays at the end.
const MAX_RANGES = 6;
function reachOf(rows) {
  const known = rows.filter(({ usual_spread: spread }) => spread > 0);
  const ranges = known.map(({ shift, usual_spread: spread }) => Math.abs(shift ?? 0) / halfRange(spread));
  return {
    ranges: Math.min(MAX_RANGES, 1.1 * Math.max(2, ...ranges)),
    points: 1.1 * Math.max(0.002, ...rows.map(({ shift }) => Math.abs(shift ?? 0))),
  };
}

// The shift as a dot, the normal range as a band around what is expected.
function gauge(shift, usual, reach) {
  const whole = usual ? reach.ranges * usual : reach.points;
  const at = Math.max(-1, Math.min(1, (shift ?? 0) / whole));
  const band = el("span", { class: "band" });
  band.style.width = `${(100 * (usual ?? 0)) / whole}%`;
  const line = el("span", { class: "line" });
  line.style.left = `${50 + 50 * Math.min(0, at)}%`;
  line.style.width = `${50 * Math.abs(at)}%`;
  const dot = el("span", { class: "dot" });
  dot.style.left = `${50 + 50 * at}%`;
  return el("span", { class: "gauge", "aria-hidden": "true" }, band, line, dot);
}

// Put what moved a shift into its item: a body of the API, or a sentence.
export async function showMovers(wanted, content, languageNames) {
  // Loaded by who opens a shift.
  const { moversOf } = typeof content === "string" ? {} : await import("./movers.js");
  const made = items.get(nameOf(wanted));
  if (made) fill(made.body, ...(typeof content === "string" ? [el("p", { class: "note" }, content)] : moversOf(content, languageNames)));
}

export function itemOf(wanted) { return items.get(nameOf(wanted))?.details ?? null; }
