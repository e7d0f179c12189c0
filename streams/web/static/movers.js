// One shift taken apart: what each model and each tenant contributes, adding up to the shift.

import { el, header, table } from "./dom.js";
import { count, percent, points } from "./words.js";

const OTHER = "other";

export function moversOf({ shift, models, tenants }) {
  return [
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models that moved it" }, tableOf("Models", models, shift)),
    el("p", { class: "note" }, mixWords(models)),
    tenants
      ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tenants that moved it" }, tableOf("Tenants, by their hash", tenants, shift))
      : el("p", { class: "note" }, "By tenant it cannot be told: requests name none."),
  ];
}

function tableOf(what, { movers, rest, rest_members: others }, shift) {
  const largest = Math.max(...movers.map(({ contribution }) => Math.abs(contribution)), Math.abs(rest), Number.EPSILON);
  const rows = movers.map(({ name, contribution, share, before, kind }) => [
    header("row", el("th", { scope: "row" }, name === OTHER ? "Not kept by name" : el("code", null, name))),
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
  return table({ class: "of-movers" }, `${what}: share of everything before and now, and its part of the shift in points`,
    [what.split(",")[0], "", "Before", "Now", "Points"], rows,
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

function mixWords({ mix, arrival }) {
  return `Of models that were there before and are there now: ${points(mix, 2)} points. Of models that came or went: ${points(arrival, 2)} points.`;
}
