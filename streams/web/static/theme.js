// Light or dark: as the system says, until a reader chooses; on paper always light.

import { byId } from "./dom.js";

const KEY = "theme";
const SYSTEM = "screen and (prefers-color-scheme: dark)";
const sheet = byId("dark");
const system = matchMedia("(prefers-color-scheme: dark)");

let chosen = null;
// A browser may keep nothing for a page.
try { chosen = localStorage.getItem(KEY); } catch { chosen = null; }

const isDark = () => (chosen ?? (system.matches ? "dark" : "light")) === "dark";

function apply(isPrinted) {
  sheet.media = isPrinted ? "not all" : !chosen ? SYSTEM : chosen === "dark" ? "screen" : "not all";
  document.documentElement.style.colorScheme = isPrinted ? "light" : chosen ?? "";
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

// Call back when the colours are others: the chart has its own.
export function onTheme(then) {
  system.addEventListener("change", () => { apply(); then(); });
  byId("theme").addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    try { localStorage.setItem(KEY, chosen); } catch { /* For this visit only. */ }
    apply();
    then();
  });
  addEventListener("beforeprint", () => { apply(true); then(); });
  addEventListener("afterprint", () => { apply(); then(); });
}

// Call back when the page goes to paper, and when it is back: paper has room for every row.
export function onPrint(then) {
  const isPrinted = matchMedia("print");
  isPrinted.addEventListener("change", () => { apply(isPrinted.matches); then(isPrinted.matches); });
  addEventListener("beforeprint", () => then(true));
  addEventListener("afterprint", () => then(false));
}

apply();
