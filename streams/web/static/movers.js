// One shift taken apart: what each model and each tenant contributes, adding up to the shift.

import { el, header, table } from "./dom.js";
import { count, keyName, percent, points } from "./words.js";

const OTHER = "other";

export function moversOf({ dimension, shift, models, joint, tenants }) {
  // Models are not counted by language, so a language is taken apart by origin alone.
  const other = dimension === "origin" ? "language" : "origin";
  const split = (what, of, nameOf) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${what} that moved it` }, tableOf(what, of, shift, nameOf));
  const first = models ?? joint;
  return [
    models ? split("Models", models, code) : null,
    joint ? split(other === "language" ? "Languages" : "Origins", joint, (name) => keyName(other, name)) : null,
    first ? el("p", { class: "note" }, mixWords(models ? "models" : "origins", first)) : null,
    tenants ? split("Tenants", tenants, code) : el("p", { class: "note" }, "By tenant it cannot be told: requests name none."),
  ].filter(Boolean);
}

const code = (name) => el("code", null, name);

function tableOf(what, { movers, rest, rest_members: others }, shift, nameOf) {
  const largest = Math.max(...movers.map(({ contribution }) => Math.abs(contribution)), Math.abs(rest), Number.EPSILON);
  const rows = movers.map(({ name, contribution, share, before, kind }) => [
    header("row", el("th", { scope: "row" }, name === OTHER ? "Not kept by name" : nameOf(name))),
    el("td", { class: "words" }, kindWords(kind, contribution)),
    el("td", { class: "muted" }, percent(before)), el("td", { class: "muted" }, percent(share)),
    el("td", null, bar(contribution / largest), points(contribution, 2)),
  ]);
  if (others) {
    rows.push([
      header("row", others === 1 ? "One other" : `${count(others)} others`), el("td"), el("td"), el("td"),
      el("td", null, bar(rest / largest), points(rest, 2)),
    ]);
  }
  const whose = what === "Tenants" ? "Tenants, by their hash" : what;
  return table({ class: "of-movers" }, `${whose}: share of everything before and now, and its part of the shift in points`,
    [what, "", "Before", "Now", "Points"], rows,
    [[header("row", "The shift"), el("td"), el("td"), el("td"), el("td", null, points(shift, 2))]]);
}

function kindWords(kind, contribution) {
  if (kind === "new") return "new";
  if (kind === "gone") return "gone";
  return contribution < 0 ? "shrank" : "grew";
}

// From the middle: to the right what pushed the share up, to the left what held it down.
function bar(part) {
  const length = el("span", { class: part < 0 ? "down" : "up" });
  length.style.width = `${50 * Math.abs(part)}%`;
  if (part >= 0) length.style.left = "50%";
  else length.style.right = "50%";
  return el("span", { class: "push", "aria-hidden": "true" }, length);
}

function mixWords(what, { mix, arrival }) {
  return `Of ${what} that were there before and are there now: ${points(mix, 2)} points. Of ${what} that came or went: ${points(arrival, 2)} points.`;
}
