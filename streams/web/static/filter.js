// Drill-down: what everything on the page is about, as a path of links, and how it gets longer.

import { byId, el, fill } from "./dom.js";
import { choose, filterAddress, FILTERS, view } from "./view.js";
import { keyName } from "./words.js";

// What a reader wants to see next of what was chosen.
const NEXT = { origin: "developer", language: "origin", developer: "model", model: "provider", provider: "model", jurisdiction: "provider", tenant: "origin" };
const HEADS = { origin: "Origin", language: "Language", developer: "Developer", model: "Model", provider: "Provider", jurisdiction: "Jurisdiction", tenant: "Tenant" };
const WITH_LANGUAGE = ["origin", "language"];

// Tenants are counted with origins and with languages, one at a time. Languages are counted by origin
// only: what else is chosen has no languages, and the other way round.
export function isCounted(filter, dimension) {
  const chosen = Object.keys(filter);
  if (dimension === "joint") return chosen.every((each) => WITH_LANGUAGE.includes(each));
  const beside = chosen.filter((each) => each !== "tenant");
  if (chosen.includes("tenant")) return dimension === "tenant" || (beside.length ? beside.includes(dimension) : WITH_LANGUAGE.includes(dimension));
  if (dimension === "tenant") return beside.length < 2 && beside.every((each) => WITH_LANGUAGE.includes(each));
  if (chosen.includes("language")) return WITH_LANGUAGE.includes(dimension);
  return dimension !== "language" || chosen.every((each) => each === "origin");
}

export const isFiltered = (filter) => Object.keys(filter).length > 0;
export const isSame = (a, b) => FILTERS.every((name) => a[name] === b[name]);
export const filterQuery = (filter) => Object.entries(filter).map(([name, key]) => `&${name}=${encodeURIComponent(key)}`).join("");

// The link that a row of a table is, or null where it leads nowhere.
export function drillLink(dimension, key, ...children) {
  if (key === "other" || (dimension === "tenant" && key === "unknown") || view.filter[dimension] === key || !isCounted(view.filter, dimension)) return null;
  const filter = { ...view.filter, [dimension]: key };
  return el("a", { class: "drill", href: filterAddress(filter), title: dimension === "tenant" ? key : null, "data-dimension": dimension, "data-key": key }, ...children);
}

export function nameOf(filter, names) {
  return Object.entries(filter).map(([dimension, key]) => {
    const name = keyName(dimension, key, names(dimension).get(key));
    return dimension === "tenant" && name === key ? `Tenant ${key}` : name;
  }).join(", ");
}

// All traffic / Origin: Chinese open / Developer: DeepSeek: each but the last leads back to itself.
export function showCrumbs(filter, names) {
  const crumbs = byId("crumbs");
  crumbs.hidden = !isFiltered(filter);
  const entries = Object.entries(filter);
  const item = (words, of, isLast) => el("li", null, isLast
    ? el("span", { "aria-current": "page" }, words)
    : el("a", { class: "drill", href: filterAddress(of), "data-filter": JSON.stringify(of) }, words));
  fill(byId("crumb-list"), ...(entries.length ? [item("All traffic", {}, false)] : []),
    ...entries.map(([dimension, key], i) => item(`${HEADS[dimension]}: ${keyName(dimension, key, names(dimension).get(key))}`, Object.fromEntries(entries.slice(0, i + 1)), i === entries.length - 1)));
}

export function notCounted(dimension) {
  if (view.filter.tenant) return `Tenants are counted with origins and with languages, one at a time: no ${dimension} within what is chosen.`;
  if (dimension === "tenant") return "Tenants are counted with an origin or with a language: none within what is chosen.";
  return dimension === "language" ? "Languages are counted by origin only: not within what is chosen." : `Not counted by language: no ${dimension} within a language.`;
}

function go(filter, dimension) {
  const parts = { filter, shift: null };
  // A tenant has no shorter windows.
  if (filter.tenant && ["5m", "1h"].includes(view.window)) parts.window = "24h";
  const next = dimension && NEXT[dimension];
  if (next && isCounted(filter, next)) {
    parts.over = next;
    if (["developer", "model"].includes(next)) Object.assign(parts, { by: next, all: false });
    if (dimension === "tenant") Object.assign(parts, { by: "language", all: false });
  }
  choose(parts, null);
  byId("headline").focus({ preventScroll: true });
  byId("main").scrollIntoView({ block: "start" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.drill");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.filter) go(JSON.parse(link.dataset.filter));
  else go({ ...view.filter, [link.dataset.dimension]: link.dataset.key }, link.dataset.dimension);
});

// Esc takes one step back out.
document.addEventListener("keydown", (event) => {
  const entries = Object.entries(view.filter);
  if (event.key !== "Escape" || !entries.length || event.defaultPrevented) return;
  go(Object.fromEntries(entries.slice(0, -1)));
});
