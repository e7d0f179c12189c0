// One shift taken apart: what each model, each language or origin, and each tenant contributes; every
// list adds up to the shift.

import { el, header, table } from "./dom.js";
import { drillLink } from "./filter.js";
import { count, keyName, percent, points } from "./words.js";

const OTHER = "other";
// What an origin's shift is split into by the pairs that are counted, and a language's.
const JOINT = { origin: ["language", "Languages"], language: ["origin", "Origins"] };
// Developers are many, and their tenants are not counted.
const NO_TENANTS = { developer: "Not available by tenant: developers are not counted by tenant." };

const code = ({ key, name }) => ((key ?? name) === OTHER ? "Not kept by name" : el("code", null, name));
// A tenant by its name where a file has it, else by its hash; either leads to its traffic.
function tenant({ key: hash, name }) {
  const key = hash ?? name;
  if (key === OTHER) return "Not kept by name";
  const words = name === key ? el("code", null, key) : name;
  return drillLink("tenant", key, words) ?? el("span", { title: key }, words);
}

// languageNames: tag -> what the worker calls it.
export function moversOf({ dimension, shift, models, joint, tenants, tenants_note: tenantsNote }, languageNames) {
  if (dimension === "model") return [note("A model is counted as a whole: there is nothing to take apart.")];
  const [across, heading] = JOINT[dimension] ?? [null, ""];
  return [
    models ? split("Models", models, shift, code) : note("Not available by model: models are not counted by language."),
    joint ? split(heading, joint, shift, ({ key, name }) => keyName(across, key ?? name, languageNames.get(key ?? name))) : null,
    tenants ? split(tenants.movers.some(({ key, name }) => key && key !== name) ? "Tenants" : "Tenants, by their hash", tenants, shift, tenant) : note(NO_TENANTS[dimension] ?? tenantsNote ?? "Not available by tenant: requests name none."),
    ...[[models, "models"], [joint, heading.toLowerCase()]].filter(([of]) => of).slice(0, 1).map(([of, what]) => note(mixWords(of, what))),
  ];
}

const note = (words) => el("p", { class: "note" }, words);

function split(what, movers, shift, named) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${what.split(",")[0]} that moved it` }, tableOf(what, movers, shift, named));
}

function tableOf(what, { movers, rest, rest_members: others }, shift, named) {
  const largest = Math.max(...movers.map(({ contribution }) => Math.abs(contribution)), Math.abs(rest), Number.EPSILON);
  const rows = movers.map(({ key, name, contribution, share, before, kind }) => [
    header("row", el("th", { scope: "row" }, named({ key, name }))),
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
    [what.split(",")[0], el("th", { scope: "col" }, el("span", { class: "unseen" }, "Change")), "Before", "Now", "Points"], rows,
    [[header("row", "The shift"), el("td"), el("td"), el("td"), el("td", null, points(shift, 2))]]);
}

function kindWords(kind, contribution) {
  if (kind === "new") return "new";
  if (kind === "gone") return "gone";
  if (points(contribution, 2).startsWith("±")) return "stayed";
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

function mixWords({ mix, arrival }, what) {
  return `Existing ${what}: ${points(mix, 2)} points; new or gone: ${points(arrival, 2)} points.`;
}
