// Known events: marks over the chart, and the same as a list below it, by number.

import { byId, el, fill } from "./dom.js";
import { stamp } from "./points.js";
import { keyName, noteTime } from "./words.js";

// More lines hide the areas: the newest are shown.
const MAX_MARKS = 20;
// Marks closer than this are one, in pixels; one of several numbers is wider.
const APART = 28;
const WIDER = 16;

// times: the first and the last moment of the chart, as texts of its axis. notes: of the API, or null.
export function showNotes(notes, times, range) {
  const seconds = (text) => Date.parse(`${text}Z`);
  const [first, last] = [seconds(times[0]), seconds(times.at(-1))];
  const place = (unix) => ((seconds(stamp(unix, range)) - first) / (last - first || 1)) * 100;
  const inside = (notes?.notes ?? [])
    .map((note) => ({ ...note, from: place(note.start), to: place(note.end ?? note.start) }))
    .filter(({ from, to }) => to >= 0 && from <= 100);
  const shown = inside.slice(-MAX_MARKS).map((note, i) => ({ ...note, number: i + 1, from: Math.max(0, note.from), to: Math.min(100, note.to) }));
  byId("plot").classList.toggle("has-marks", shown.length > 0);
  const marks = byId("marks");
  fill(marks, ...shown.flatMap(lineOf), ...groups(shown, marks.clientWidth).map((group) => flagOf(group, range)));
  fill(byId("notes"), ...shown.map((note) => itemOf(note, range)));
  const left = inside.length - shown.length + (notes?.omitted ?? 0);
  fill(byId("notes-note"), [
    left ? `Older notes that are not shown: ${left}. ` : "",
    notes?.is_current === false ? "The file of notes has a fault, which the worker's log names: these are the notes read before." : "",
  ].join("") || null);
}

export function hideNotes() {
  byId("plot").classList.remove("has-marks");
  for (const id of ["marks", "notes", "notes-note"]) fill(byId(id));
}

const aboutOf = ({ dimension, key }) => (dimension ? ` (${[dimension, key && keyName(dimension, key)].filter(Boolean).join(" ")})` : "");
const timeOf = ({ start, end }, range) => [start, end].filter((unix) => unix != null).map((unix) => noteTime(unix, range.local)).join(" to ");

function lineOf({ from, to }) {
  const line = el("span", { class: "when", "aria-hidden": "true" });
  line.style.left = `${from}%`;
  if (to <= from) return [line];
  const period = el("span", { class: "period", "aria-hidden": "true" });
  period.style.left = `${from}%`;
  period.style.width = `${to - from}%`;
  return [period, line];
}

// Flags that would lie on each other are one.
function groups(shown, width) {
  const found = [];
  for (const note of shown) {
    const group = found.at(-1);
    const apart = APART + (group?.length > 1 ? WIDER : 0);
    if (group && ((note.from - group[0].from) / 100) * width < apart) group.push(note);
    else found.push([note]);
  }
  return found;
}

// A link to the note in the list, so that keys and a screen reader reach it where it is.
function flagOf(group, range) {
  const numbers = group.length > 1 ? `${group[0].number}–${group.at(-1).number}` : `${group[0].number}`;
  const words = group.map((note) => `${timeOf(note, range)}: ${note.text}${aboutOf(note)}`);
  const flag = el("a", { class: "flag", href: `#note-${group[0].number}`, title: words.join("\n"), "aria-label": `Note ${numbers}, ${words.join("; ")}` }, numbers);
  flag.style.left = `${group[0].from}%`;
  return flag;
}

function itemOf(note, range) {
  return el("li", { id: `note-${note.number}`, tabindex: "-1" },
    el("span", { class: "number", "aria-hidden": "true" }, String(note.number)),
    el("span", null, el("time", { datetime: new Date(note.start * 1000).toISOString() }, timeOf(note, range)), " ",
      el("strong", null, note.text), aboutOf(note)));
}
