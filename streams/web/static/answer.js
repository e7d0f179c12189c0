// The answer in words: how much goes to Chinese open models, which language is next, what has shifted.

import { byId, el, fill } from "./dom.js";
import { change, shiftedOf, daysKnown } from "./shifts.js";
import { compact, compactAmount, keyName, measureOf, percent, points, windowOf, wobble } from "./words.js";

const FIRST_LANGUAGE = "en";
// Not languages: the rest, and what could not be determined.
const NO_LANGUAGES = new Set(["und", "other"]);
const NAMED_SHIFTS = 3;

const counted = (amount, what) => `${compact(amount)} ${what}${amount === 1 ? "" : "s"}`;

export function showAnswer(windows, shifts, { measure, window }) {
  const now = windows[window];
  if (!now?.[measure]) {
    const isQuiet = !now?.requests;
    fill(byId("headline"), isQuiet ? `No traffic in the last ${windowOf(window).long}` : `No ${measureOf(measure).of} known in the last ${windowOf(window).long}`);
    fill(byId("second"));
    fill(byId("subline"), "Requests are counted about a second after they reach Kafka.");
    showVerdict(null);
    document.title = "tokenshare";
    return;
  }
  const origin = shareOf(windows, shifts, "origin", "cn-open", measure, window);
  fill(byId("headline"),
    "Chinese open models: ", el("strong", null, percent(origin.share)), ` of ${measureOf(measure).of} in the last ${windowOf(window).name}`,
    el("span", { class: "since" }, ...changeWords(origin)));
  fill(byId("second"), ...languageWords(windows, shifts, measure, window));
  fill(byId("subline"), `Counted: ${counted(now.requests, "request")}, ${counted(now.tokens, "token")}.`);
  showVerdict(shifts, { measure, window });
  document.title = `${percent(origin.share)} Chinese open · tokenshare`;
}

// What is chosen, as a share of everything, and how much that is.
export function showPart(windows, { measure, window }, name) {
  const now = windows[window];
  const whole = now?.everything?.[measure];
  const { of } = measureOf(measure);
  byId("verdict").hidden = true;
  fill(byId("second"));
  if (!now?.[measure] || !whole) {
    fill(byId("headline"), `${name}: ${now?.requests ? `no ${of} known` : "no traffic"} in the last ${windowOf(window).long}`);
    fill(byId("subline"));
    document.title = "tokenshare";
    return;
  }
  const share = now[measure] / whole;
  fill(byId("headline"), `${name}: `, el("strong", null, percent(share)), ` of ${of} in the last ${windowOf(window).name}`);
  fill(byId("subline"), `Counted: ${counted(now.requests, "request")}, ${counted(now.tokens, "token")}${now.cost == null ? "" : `, ${compactAmount(now.cost, "cost")}`}. The shares below are of this part.`);
  document.title = `${percent(share)} ${name} · tokenshare`;
}

// A key's share, and its distance from the baseline of the week before; without that, from
// the last 7 days themselves.
function shareOf(windows, shifts, dimension, key, measure, window) {
  const ratio = (name) => {
    if (!windows[name]?.[measure]) return NaN;
    const row = windows[name][dimension]?.find((each) => each.key === key);
    return row ? row[`${measure}_ratio`] ?? NaN : 0;
  };
  const shift = change(shifts, { dimension, key, measure, window });
  const share = ratio(window);
  if (shift?.shift != null) return { share, difference: shift.shift, usual: shift.usual_spread, since: "on the week" };
  // A week holds its last day: the two are set beside each other.
  if (window === "7d") return { share, day: ratio("24h") };
  // All there is, is in the window: there is nothing else to set it beside.
  const isAll = windows["7d"]?.[measure] === windows[window][measure];
  return { share, difference: isAll ? NaN : share - ratio("7d"), since: "against the last 7 days" };
}

function changeWords({ difference, usual, since, day }) {
  if (Number.isFinite(day)) return [`, ${percent(day)} in the last 24 h`];
  if (!Number.isFinite(difference)) return [];
  const size = points(difference);
  const words = [size.startsWith("±") ? `, unchanged ${since}` : `, ${size} points ${since}`];
  if (usual != null) words.push(`; usual wobble ±${(wobble(usual) * 100).toFixed(1)}`);
  return words;
}

// The language that has shifted most; where none has, the largest after English.
function languageWords(windows, shifts, measure, window) {
  const ratio = `${measure}_ratio`;
  const rows = windows[window].language.filter(({ key }) => !NO_LANGUAGES.has(key));
  const moved = shiftedOf(shifts).find((each) => each.dimension === "language" && each.measure === measure && each.window === window && !NO_LANGUAGES.has(each.key));
  const next = rows.filter(({ key }) => key !== FIRST_LANGUAGE).sort((a, b) => b[ratio] - a[ratio])[0];
  const key = moved?.key ?? next?.key;
  if (!moved && !(next?.[ratio] > 0)) return [];
  const language = shareOf(windows, shifts, "language", key, measure, window);
  const name = keyName("language", key, moved?.name ?? rows.find((row) => row.key === key)?.name);
  return [
    el("strong", null, name), moved ? ", the language that shifted most: " : ", the largest language after English: ",
    el("strong", null, percent(language.share)), ` of ${measureOf(measure).of}`, ...changeWords(language), ".",
  ];
}

// Whether anything has shifted, in one line that leads to the list.
function showVerdict(shifts, view) {
  const verdict = byId("verdict");
  verdict.hidden = !shifts;
  if (!shifts) return;
  const shifted = shiftedOf(shifts);
  const isYoung = shifts.baseline_days < shifts.needed_days;
  verdict.className = `verdict ${shifted.length ? "has-shifted" : isYoung ? "is-young" : "is-quiet"}`;
  if (shifted.length) {
    // A key shifts in two measures and two windows: it is named once, as it is shown if it can be.
    const isShown = (each) => each.measure === view.measure && each.window === view.window;
    const inOrder = [...shifted.filter(isShown), ...shifted];
    const names = [...new Map([...inOrder].reverse().map((each) => [`${each.dimension}/${each.key}`, each])).values()].reverse();
    const list = names.slice(0, NAMED_SHIFTS).map((each) => `${keyName(each.dimension, each.key, each.name)} ${points(each.shift)}`).join(", ");
    const more = names.length > NAMED_SHIFTS ? ` and ${names.length - NAMED_SHIFTS} more` : "";
    fill(verdict, el("strong", null, names.length === 1 ? "One share has shifted: " : `${names.length} shares have shifted: `), `${list}${more}`);
  } else if (isYoung) {
    fill(verdict, el("strong", null, "Too early to say what is usual: "), `${daysKnown(shifts)} of ${shifts.needed_days} days of history`);
  } else {
    fill(verdict, el("strong", null, "Nothing has shifted: "), "no share is clearly further from the week than usual");
  }
}
