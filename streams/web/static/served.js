// Who served the requests, and under whose law: shown where a record has said so.

import { byId, el, fill } from "./dom.js";
import { originMatrix, sharesTable } from "./tables.js";
import { measureOf, percent, WINDOWS } from "./words.js";

const HOME = "cn";
// Not a country: what no record says.
const UNKNOWN = "unknown";
// The tables are asked for a little before they come into sight.
const NEAR = "100px";

export const isServedKnown = (windows) => WINDOWS.some(({ key }) => (windows[key]?.jurisdiction ?? []).some((row) => row.key !== UNKNOWN && row.requests > 0));

let isSeen = false;
export const isServedSeen = () => isSeen;
// Call back once, when a reader comes near.
export function onServedSeen(then) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    isSeen = true;
    then();
  }, { rootMargin: NEAR });
  observer.observe(byId("served"));
}

export function showServed(windows, { measure, window, allProviders: all, filter }, span, otherTo) {
  const isKnown = isServedKnown(windows);
  byId("served").hidden = !isKnown;
  const now = windows[window];
  const { developed, served } = sentences(now, measure);
  // Of a part, "all tokens" would be the wrong words.
  const isPart = Object.keys(filter).length > 0;
  fill(byId("law-line"), ...(isKnown && !isPart ? served : []));
  if (!isKnown) return;
  fill(byId("served-line"), ...(isPart ? [] : [...developed, ...sentences(now, measure).served]));
  fill(byId("jurisdiction-shares"), sharesTable(windows, "jurisdiction", measure, window, true, span, { other: otherTo("jurisdiction") }).table);
  if (byId("law").open && now?.law) fill(byId("law").lastElementChild, originMatrix(now, "law", "jurisdiction", measure));
  if (!now?.provider) return;
  const made = sharesTable(windows, "provider", measure, window, all, span, { other: otherTo("provider") });
  fill(byId("provider-shares"), made.table);
  showMore(byId("more-providers"), made, all);
}

// The button below a table whose small rows are left out at first.
export function showMore(button, { hidden, total }, all) {
  button.hidden = !all && hidden === 0;
  button.textContent = all ? "Show fewer" : `Show all ${total}`;
  button.setAttribute("aria-expanded", String(all));
}

// "Chinese open models: 27.4 % of tokens. Served from China: 3.1 % of all tokens."
function sentences(now, measure) {
  const { of, all } = measureOf(measure);
  if (!now?.[measure]) return { developed: [], served: [] };
  const ratio = (dimension, key) => {
    const row = now[dimension]?.find((each) => each.key === key);
    return row ? row[`${measure}_ratio`] ?? NaN : 0;
  };
  const unknown = ratio("jurisdiction", UNKNOWN);
  return {
    developed: ["Chinese open models: ", el("strong", null, percent(ratio("origin", "cn-open"))), ` of ${of}. `],
    served: ["Served from China: ", el("strong", null, percent(ratio("jurisdiction", HOME))), ` of all ${all ?? of}`,
      unknown > 0 ? `; not known for ${percent(unknown)}.` : "."],
  };
}
