// Models of unknown origin, and the entries for the overrides file that would define it.

import { byId, el, fill } from "./dom.js";
import { copy, say } from "./share.js";
import { unknownBy, unknownTable } from "./tables.js";
import { percent } from "./words.js";

export function showUnknown(shares, measure) {
  const by = unknownBy(measure);
  const week = shares.windows["7d"];
  const unknown = shares.unknown ?? [];
  byId("unknown-entries").hidden = !unknown.length;
  if (!unknown.length) {
    fill(byId("unknown-note"), week?.requests ? "Every model of the last 7 days has a known origin." : "Nothing yet.");
    fill(byId("unknown"));
    return;
  }
  const row = week?.origin?.find(({ key }) => key === "unknown");
  fill(byId("unknown-note"),
    el("strong", null, percent(row?.[`${by}_ratio`])), ` of ${by} in the last 7 days went to models of unknown origin. `,
    "Define the name in the file that ", el("code", null, "TOKENSHARE_CATALOG_OVERRIDES"), " names: ",
    "it is read without a restart, and history is reclassified, too.");
  fill(byId("unknown"), unknownTable(unknown, measure, week));
  const code = byId("entries").firstElementChild;
  const entries = unknown.map((each) => each.override).filter(Boolean).join("\n");
  if (code.textContent !== entries) code.textContent = entries;
}

byId("copy").addEventListener("click", async () => {
  const entries = byId("entries");
  say("copied", await copy(entries.textContent, entries));
});
