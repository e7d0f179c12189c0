// What is shown, in the fragment of the address: a view can be sent, and Back undoes a choice.
//
//   #measure=requests&window=1h&by=model&over=language&range=1y&all=1&shifts=all
//   #view=shift&dimension=origin&key=cn-open&measure=tokens&window=24h   a shift, taken apart
//   #from=2026-10-01&to=2026-10-31                                       a period of one's own
//   #range=28d&against=year                                              against the same days last year
//   #origin=cn-open&developer=DeepSeek                                   a part of the traffic
//   #tenant=74e4dbdb632baffb                                             a tenant's
//   #shifts                                                              the list of shifts
//
// `view=shift` and `#shifts` are where an alert links to. What is left out is as on a first visit; so
// is what is none of the values, which the page says.

import { MEASURES, WINDOWS } from "./words.js";
import { AGAINST, RANGES } from "./points.js";

const DIMENSIONS = [
  { key: "origin", name: "Origin" },
  { key: "language", name: "Language" },
  { key: "developer", name: "Developer" },
  { key: "model", name: "Model" },
];
const TENANT = { key: "tenant", name: "Tenant" };
const SERVED = [{ key: "provider", name: "Provider" }, { key: "jurisdiction", name: "Jurisdiction" }];
export const CHOICES = {
  measure: MEASURES,
  window: WINDOWS,
  by: [...DIMENSIONS.slice(1), TENANT],
  over: [...DIMENSIONS, ...SERVED, TENANT],
  range: RANGES,
  against: AGAINST,
};
const SHIFT_DIMENSIONS = ["origin", "language", "developer", "model"];
// What the page is about, a key each; empty for all traffic.
export const FILTERS = ["origin", "language", "developer", "model", "provider", "jurisdiction", "tenant"];
export const SHIFT_MEASURES = ["tokens", "requests", "cost"];
export const SHIFT_WINDOWS = ["1h", "24h", "7d"];
// A range of null is the longest that the history fills; all, allProviders, allShifts: every row of the second
// table, of the providers, and of the shifts.
const FIRST = { measure: "tokens", window: "24h", by: "language", over: "origin", range: null, from: "", to: "", against: "", all: false, allProviders: false, allShifts: false, shift: null, filter: {} };

const KNOWN = new Set([...Object.keys(CHOICES), ...FILTERS, "from", "to", "all", "providers", "shifts", "view", "dimension", "key"]);
const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00Z`).toJSON()?.startsWith(text) === true;
// What the address asks for and the page does not have.
let refused = [];
export const refusedParts = () => refused;

export const view = read();
let changed = () => {};
let lastControl = null;

// Call back with the parts that changed: by a choice, by Back and Forward, or by hand.
export function onChange(then) { changed = then; }

// Choose parts of the view. Whoever tries out the values of one control goes back past all of them
// in one step.
export function choose(parts, control) {
  const before = { ...view };
  refused = [];
  Object.assign(view, parts);
  if (view.shift && !(SHIFT_WINDOWS.includes(view.window) && SHIFT_MEASURES.includes(view.measure))) view.shift = null;
  const address = write();
  if (control && control === lastControl) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  lastControl = control;
  changed(differences(before));
}

addEventListener("popstate", () => {
  const before = { ...view };
  Object.assign(view, read());
  lastControl = null;
  changed(differences(before));
});

// Links within the page move the focus and leave the view in the address.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']:not(.drill)");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  goTo(link.hash.slice(1));
});

export function goTo(id) {
  const target = document.getElementById(id);
  target?.scrollIntoView({ block: "start" });
  target?.focus({ preventScroll: true });
}

// The part of the page that the address names, if it names one.
export const place = () => (location.hash === "#shifts" ? "shifts" : null);

function differences(before) {
  return new Set(Object.keys(FIRST).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(view[name])));
}

function read() {
  const params = new URLSearchParams(location.hash.slice(1));
  const found = { ...FIRST, filter: {} };
  refused = location.hash === "#shifts" ? [] : [...params].filter(([name, value]) => value && !KNOWN.has(name)).map(([name, value]) => `${name}=${value}`);
  for (const [name, options] of Object.entries(CHOICES)) {
    const wanted = params.get(name);
    if (options.some(({ key }) => key === wanted)) found[name] = wanted;
    else if (wanted !== null) refused.push(`${name}=${wanted}`);
  }
  for (const [name, value] of params) if (FILTERS.includes(name) && value && value !== "other") found.filter[name] = value;
  for (const name of ["from", "to"]) {
    const wanted = params.get(name) ?? "";
    if (isDay(wanted)) found[name] = wanted;
    else if (wanted) refused.push(`${name}=${wanted}`);
  }
  if (found.from && found.to && found.from > found.to) [found.from, found.to] = [found.to, found.from];
  found.all = params.get("all") === "1";
  found.allProviders = params.get("providers") === "all";
  found.allShifts = params.get("shifts") === "all";
  const [dimension, key] = [params.get("dimension"), params.get("key")];
  if (params.get("view") === "shift" && SHIFT_DIMENSIONS.includes(dimension) && key && SHIFT_WINDOWS.includes(found.window) && SHIFT_MEASURES.includes(found.measure)) {
    found.shift = { dimension, key };
  } else if (params.has("view")) refused.push(`view=${params.get("view")}${dimension ? `, dimension=${dimension}` : ""}`);
  return found;
}

export const filterAddress = (filter) => `#${new URLSearchParams(filter)}`;

function write() {
  const params = new URLSearchParams();
  for (const [name, key] of Object.entries(view.filter)) params.set(name, key);
  if (view.shift) for (const [name, value] of Object.entries({ view: "shift", ...view.shift })) params.set(name, value);
  for (const name of Object.keys(CHOICES)) {
    // A link to a shift has all parameters that identify it.
    const isOfShift = view.shift && (name === "measure" || name === "window");
    if (view[name] !== FIRST[name] || isOfShift) params.set(name, view[name]);
  }
  for (const name of ["from", "to"]) if (view[name]) params.set(name, view[name]);
  if (view.all) params.set("all", "1");
  if (view.allProviders) params.set("providers", "all");
  if (view.allShifts) params.set("shifts", "all");
  return `${location.pathname}${location.search}${params.size ? `#${params}` : ""}`;
}
