// The chart as the page draws it by itself: all that can be read off it but the numbers at a pointer,
// for which the chart library comes when a reader points at it.

import { ticks } from "./axis.js";

const SVG = "http://www.w3.org/2000/svg";
// Margins in pixels, as page.css has them for the marks of notes.
export const MARGINS = { left: 46, right: 4, top: 10, bottom: 38 };
export const QUARTERS = [0, 25, 50, 75, 100];
const TICK_WIDTH = 110;
// A band is named where it is so thick, in pixels.
const NAMED = 26;

// Patterns by name, in squares of six pixels.
const TILE = 6;
const HATCHES = {
  slash: "M-1 1L1 -1M0 6L6 0M5 7L7 5",
  backslash: "M-1 5L1 7M0 0L6 6M5 -1L7 1",
  dots: "M3 3h.01",
  cross: "M0 6L6 0M0 0L6 6",
  lines: "M0 3H6",
  bars: "M3 0V6",
};

function node(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const unixOf = (text) => Date.parse(`${text}Z`);

// So many ticks fit below a chart of this width.
export const ticksOf = (times, width) => ticks(unixOf(times[0]), unixOf(times.at(-1)), Math.max(3, Math.floor(width / TICK_WIDTH)));

// The names of bands: where each is thick enough at the right edge, the middle of it in per cent.
export function namesOf(bands, height) {
  const found = [];
  let below = 0;
  for (const { short, ratios } of bands) {
    const thick = ratios.at(-1) * 100;
    if ((thick / 100) * height >= NAMED) found.push({ short, middle: below + thick / 2 });
    below += thick;
  }
  return found;
}

// Takes what `draw` takes, and the size in pixels.
export function sketch(chart, { times, bands, line }, { width, height }) {
  const inner = { width: Math.max(1, width - MARGINS.left - MARGINS.right), height: height - MARGINS.top - MARGINS.bottom };
  const first = unixOf(times[0]);
  const span = unixOf(times.at(-1)) - first || 1;
  const x = (unix) => (((unix - first) / span) * inner.width).toFixed(1);
  const y = (ratio) => ((1 - ratio) * inner.height).toFixed(2);
  const areas = node("svg", { class: "areas", x: MARGINS.left, y: MARGINS.top, ...inner });
  areas.append(...QUARTERS.map((each) => node("path", { class: "grid", d: `M0 ${y(each / 100)}H${inner.width}` })), ...areasOf(times, bands, inner, x, y));
  if (line) {
    let isDown = false;
    const d = line.times.map((time, i) => {
      const ratio = line.ratios[i];
      const part = ratio == null ? "" : `${isDown ? "L" : "M"}${x(unixOf(time))} ${y(ratio)}`;
      isDown = ratio != null;
      return part;
    }).join("");
    areas.append(node("path", { class: "other-ground", d }), node("path", { class: "other-line", d }));
  }
  const labels = namesOf(bands, height).map(({ short, middle }) => node("text", { class: "band", x: MARGINS.left + inner.width - 8, y: MARGINS.top + Number(y(middle / 100)), dy: ".35em", "text-anchor": "end" }, short));
  const scale = QUARTERS.map((each) => node("text", { x: MARGINS.left - 6, y: MARGINS.top + Number(y(each / 100)), dy: ".35em", "text-anchor": "end" }, `${each} %`));
  const foot = MARGINS.top + inner.height;
  const below = ticksOf(times, width).flatMap(({ at, text }) => {
    const place = MARGINS.left + Number(x(at));
    const isLast = place > width - TICK_WIDTH / 4;
    return [node("path", { class: "tick", d: `M${place} ${foot}v5` }), node("text", { x: isLast ? width : place, y: foot + 19, "text-anchor": isLast ? "end" : "middle" }, text)];
  });
  const hatches = [...new Set(bands.map(({ pattern }) => pattern).filter(Boolean))].map((pattern) => node("pattern", { id: `hatch-${pattern}`, width: TILE, height: TILE, patternUnits: "userSpaceOnUse" }, node("path", { class: `hatch ${pattern}`, d: HATCHES[pattern] })));
  const svg = node("svg", { class: "sketch", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, node("defs", {}, ...hatches), areas, node("path", { class: "tick", d: `M${MARGINS.left} ${foot}h${inner.width}` }), ...scale, ...below, ...labels);
  chart.classList.remove("empty");
  chart.replaceChildren(svg);
}

// Each goes down to the bottom: the ones below lie on those above.
function areasOf(times, bands, inner, x, y) {
  const at = times.map((time) => x(unixOf(time)));
  const below = times.map(() => 0);
  const found = bands.map(({ paint, pattern, ratios }) => {
    ratios.forEach((ratio, i) => { below[i] += ratio; });
    const steps = below.slice(0, -1).map((top, i) => `V${y(Math.min(1, top))}H${at[i + 1]}`);
    const d = `M0 ${inner.height}${steps.join("")}V${inner.height}Z`;
    return [node("path", { class: `area ${paint}`, d }), ...(pattern ? [node("path", { class: "hatched", fill: `url(#hatch-${pattern})`, d })] : [])];
  });
  return found.reverse().flat();
}
