// The areas of the chart while the chart library is on its way: the same ones, without axes.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Takes what `draw` takes: starts of steps and the end of the last one; bands from bottom to top.
export function sketch(chart, { times, bands }) {
  const unix = times.map((time) => Date.parse(`${time}Z`));
  const span = unix.at(-1) - unix[0] || 1;
  const at = unix.map((time) => ((time - unix[0]) / span) * WIDTH);
  const tops = times.map(() => 100);
  const areas = bands.map(({ paint, ratios }) => {
    ratios.forEach((ratio, i) => { tops[i] -= ratio * 100; });
    const steps = tops.slice(0, -1).map((top, i) => `V${Math.max(0, top).toFixed(2)}H${at[i + 1].toFixed(1)}`);
    return node("path", { class: paint, d: `M0 100${steps.join("")}V100Z` });
  });
  const svg = node("svg", { class: "sketch", viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
  // Each goes down to the bottom: the ones below lie on those above.
  svg.append(...areas.reverse());
  chart.classList.remove("empty");
  chart.replaceChildren(svg);
}
