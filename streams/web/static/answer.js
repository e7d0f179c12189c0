// The answer in words: how much goes to Chinese open models, which language is next, what has shifted.

import { byId, el, fill } from "./dom.js";
import { change, shiftedOf, daysKnown } from "./shifts.js";
import { isBeyondChance, isFull } from "./points.js";
import { compact, compactAmount, keyName, measureOf, momentTime, percent, points, rangeWords, spanWords, windowOf } from "./words.js";

const FIRST_LANGUAGE = "en";
// Not languages: the rest, and what could not be determined.
const NO_LANGUAGES = new Set(["und", "other"]);
const NAMED_SHIFTS = 3;

// "24 h to 28 Nov 2026, 14:17 UTC."; where there is less than that, how much there is.
function momentWords({ windows, since, as_of: asOf }, window) {
  const words = `${windowOf(window).name} to ${momentTime(asOf)}.`;
  return isFull(windows[window], since, asOf) ? words : `${words} Only ${spanWords(asOf - since)} of data so far.`;
}

const counted = (amount, what) => `${compact(amount)} ${what}${amount === 1 ? "" : "s"}`;

export function showAnswer(shares, shifts, { measure, window }) {
  const { windows } = shares;
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
  const origin = shareOf(shares, shifts, "origin", "cn-open", measure, window);
  fill(byId("headline"),
    "Chinese open models: ", el("strong", null, percent(origin.share)), ` of ${measureOf(measure).of} in the last ${windowOf(window).name}`,
    el("span", { class: "since" }, ...changeWords(origin)));
  fill(byId("second"), ...languageWords(shares, shifts, measure, window));
  fill(byId("subline"), `${momentWords(shares, window)} Counted: ${counted(now.requests, "request")}, ${counted(now.tokens, "token")}.`);
  showVerdict(shifts, { measure, window });
  document.title = `${percent(origin.share)} Chinese open · tokenshare`;
}

// What is chosen, as a share of everything, and how much that is.
export function showPart(shares, { measure, window }, name) {
  const { windows } = shares;
  const now = windows[window];
  const whole = now?.everything?.[measure];
  const { of } = measureOf(measure);
  byId("verdict").hidden = true;
  fill(byId("second"));
  if (!now) {
    fill(byId("headline"), `${name}: tenants are counted by the hour, for 24 h and 7 d`);
    fill(byId("subline"));
    document.title = "tokenshare";
    return;
  }
  if (!now[measure] || !whole) {
    fill(byId("headline"), `${name}: ${now.requests ? `no ${of} known` : "no traffic"} in the last ${windowOf(window).long}`);
    fill(byId("subline"));
    document.title = "tokenshare";
    return;
  }
  const share = now[measure] / whole;
  fill(byId("headline"), `${name}: `, el("strong", null, percent(share)), ` of ${of} in the last ${windowOf(window).name}`);
  fill(byId("subline"), `${momentWords(shares, window)} Counted: ${counted(now.requests, "request")}, ${counted(now.tokens, "token")}${now.cost == null ? "" : `, ${compactAmount(now.cost, "cost")}`}. The shares below are of this part.`);
  document.title = `${percent(share)} ${name} · tokenshare`;
}

// A key's share, and what it is against: the baseline of the week before; without that, the last 7
// days, where there are as many, and where the difference is more than chance.
function shareOf({ windows, since, as_of: asOf }, shifts, dimension, key, measure, window) {
  const ratio = (name) => {
    if (!windows[name]?.[measure]) return NaN;
    const row = windows[name][dimension]?.find((each) => each.key === key);
    return row ? row[`${measure}_ratio`] ?? NaN : 0;
  };
  const shift = change(shifts, { dimension, key, measure, window });
  const share = ratio(window);
  if (shift?.baseline != null) return { share, expected: shift.baseline, usual: shift.usual_spread };
  // A week holds its last day: the two are set beside each other.
  if (window === "7d") return isFull(windows["7d"], since, asOf) ? { share, day: ratio("24h") } : { share };
  if (!isFull(windows["7d"], since, asOf)) return { share };
  const isMore = isBeyondChance(share, windows[window].requests, ratio("7d"), windows["7d"].requests, measure);
  return isMore ? { share, week: ratio("7d") } : { share, isAlike: true };
}

function changeWords({ share, expected, usual, week, day, isAlike }) {
  if (Number.isFinite(day)) return [`, ${percent(day)} in the last 24 h`];
  if (isAlike) return [", as in the last 7 days"];
  const against = expected ?? week;
  if (!Number.isFinite(against) || !Number.isFinite(share)) return [];
  const what = week == null ? `the ${percent(against)} expected` : `the ${percent(against)} of the last 7 days`;
  // Of the numbers as they are shown, so that a reader gets the same.
  const apart = Math.round(share * 1000) - Math.round(against * 1000);
  const words = [apart === 0 ? `, ${week == null ? "as expected" : "as in the last 7 days"}` : `, ${(Math.abs(apart) / 10).toFixed(1)} points ${apart > 0 ? "above" : "below"} ${what}`];
  if (usual != null) words.push(` (normal range ${rangeWords(against, usual)})`);
  return words;
}

// The language that has shifted most; where none has, the largest after English.
function languageWords(shares, shifts, measure, window) {
  const ratio = `${measure}_ratio`;
  const { windows } = shares;
  const rows = windows[window].language.filter(({ key }) => !NO_LANGUAGES.has(key));
  const moved = shiftedOf(shifts).find((each) => each.dimension === "language" && each.measure === measure && each.window === window && !NO_LANGUAGES.has(each.key));
  const next = rows.filter(({ key }) => key !== FIRST_LANGUAGE).sort((a, b) => b[ratio] - a[ratio])[0];
  const key = moved?.key ?? next?.key;
  if (!moved && !(next?.[ratio] > 0)) return [];
  const language = shareOf(shares, shifts, "language", key, measure, window);
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
    fill(verdict, el("strong", null, "Nothing has shifted: "), "every share is within its normal range");
  }
}
