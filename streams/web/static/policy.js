// What groups of tenants sent to origins that the operator's policy excludes for them.

import { byId, el, fill, header, table } from "./dom.js";
import { compact, count, percent, windowOf } from "./words.js";

// Tenants are counted by the hour, so that shorter windows have none.
const DAY = "24h";

export function showPolicy({ windows, is_current: isCurrent }, window, isPart) {
  const key = windows[window] ? window : DAY;
  const groups = windows[key] ?? [];
  byId("policy").hidden = isPart || !groups.length;
  if (byId("policy").hidden) return;
  const last = `in the last ${windowOf(key).long}`;
  fill(byId("policy-line"), ...sentence(groups, last));
  fill(byId("policy-groups"), groupsTable(groups, last));
  fill(byId("policy-note"), [
    key === window ? "" : "Tenants are counted by the hour: 24 h and 7 d have them. ",
    "Tenants too small to be counted by name are in no group.",
    isCurrent === false ? " The file of the policy has a fault, which the worker's log names: these are the groups read before." : "",
  ].join(""));
}

function sentence(groups, last) {
  const found = groups.filter(({ excluded_tokens: tokens }) => tokens > 0).length;
  const what = ` sent tokens to an origin that the policy excludes for it, ${last}.`;
  if (!found) return [groups.length === 1 ? "The group has not" : "No group has", what];
  return [el("strong", null, groups.length === 1 ? "The group" : `${found} of ${groups.length} groups`), what];
}

function groupsTable(groups, last) {
  return table(null, `Tokens to excluded origins, ${last}`,
    ["Group of tenants", "Tokens there", "Of its tokens", "Excluded origins"],
    groups.map((group) => [
      header("row", group.group),
      el("td", { title: group.excluded_tokens ? `${count(group.excluded_tokens)} of ${count(group.tokens)} tokens` : null }, group.excluded_tokens ? compact(group.excluded_tokens) : "none"),
      el("td", { title: group.tokens ? null : `No traffic of the group ${last}` }, percent(group.excluded_ratio ?? NaN)),
      el("td", null, originsOf(group)),
    ]));
}

// Of one origin there is no more to say than its tokens.
function originsOf({ origins, excluded_tokens: all }) {
  if (origins.length === 1 || !all) return origins.map(({ name }) => name).join(", ");
  return origins.map(({ name, tokens }) => `${name}: ${tokens ? compact(tokens) : "none"}`).join(", ");
}
