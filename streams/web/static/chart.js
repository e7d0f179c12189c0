// The stacked area, drawn by the chart library that the worker serves from its own package.

import { sketch } from "./sketch.js";

const LIBRARY = document.querySelector("meta[name=chart-library]").content;
const SHAPES = { "": "", slash: "/", backslash: "\\", dots: ".", cross: "x", lines: "-", bars: "|" };

let loading;
function library() {
  loading ??= new Promise((resolve, reject) => {
    if (!LIBRARY) {
      reject(new Error("The chart library is not installed on the worker (Python package plotly)."));
      return;
    }
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { loading = undefined; reject(new Error("The chart library could not be loaded: reload the page.")); };
    document.head.append(script);
  });
  return loading;
}

// The library is large beside the rest of the page: on a phone it waits until the reader scrolls.
const NEAR = "500px";
const near = new Promise((resolve) => {
  const observer = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); resolve(); }
  }, { rootMargin: NEAR });
  observer.observe(document.getElementById("chart"));
});

// As page.css has it for print: no script is told how wide the paper is, and this fits on A4 and Letter.
const PAPER = { width: 660, height: 230 };
let isPaper = false;
export function toPaper(is) { isPaper = is; }

let newest = 0;

// times: starts of the steps and the end of the last one, as texts of a date axis.
// bands: bottom to top, {name, short, paint, pattern, ratios}, one ratio a time. line: {name, times,
// ratios} of another period, or null.
export async function draw(chart, { times, bands, labels, line }) {
  const turn = ++newest;
  // Reading the library takes a second, and the areas alone a few milliseconds.
  if (!chart.classList.contains("js-plotly-plot")) sketch(chart, { times, bands });
  // What has been loaded draws at once: a browser that prints does not wait for a promise.
  if (!window.Plotly) {
    await near;
    await library();
  }
  // While this waited, something newer may have been requested or shown.
  if (turn !== newest) return;
  const { Plotly } = window;
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--${name}`).trim();
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") };
  const traces = bands.map((band) => ({
    type: "scatter", mode: "lines", stackgroup: "all", name: escapeText(band.name),
    x: times, y: band.ratios.map((ratio) => ratio * 100),
    line: { width: 0.75, color: colour("ground"), shape: "hv" },
    fillcolor: colour(band.paint),
    fillpattern: { shape: SHAPES[band.pattern], bgcolor: colour(band.paint), fgcolor: colour("hatch"), fgopacity: 1, size: 6, solidity: 0.25 },
    hovertemplate: "%{y:.1f} %",
    showlegend: false,
  }));
  if (line) {
    // Ink on ground: it is seen on a band of any colour.
    for (const [ink, width, dash] of [["ground", 4, "solid"], ["ink", 2, "dash"]]) {
      traces.push({
        type: "scatter", mode: "lines", name: escapeText(line.name), x: line.times, y: line.ratios.map((ratio) => (ratio == null ? null : ratio * 100)),
        line: { width, color: colour(ink), dash }, hovertemplate: "%{y:.1f} %", hoverinfo: dash === "solid" ? "skip" : undefined, showlegend: false,
      });
    }
  }
  const layout = {
    ...(isPaper ? { ...PAPER, autosize: false } : { autosize: true }),
    margin: { l: 46, r: 4, t: 10, b: 38 },
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", font,
    hovermode: "x unified", hoverlabel: { namelength: 40, bgcolor: colour("ground"), bordercolor: colour("line"), font: { ...font, color: colour("ink") } },
    dragmode: false,
    xaxis: { type: "date", range: [times[0], times.at(-1)], fixedrange: true, showgrid: false, linecolor: colour("line"), ticks: "outside", tickcolor: colour("line"), nticks: Math.max(3, Math.floor((isPaper ? PAPER.width : chart.clientWidth) / 110)), hoverformat: labels },
    yaxis: { range: [0, 100], fixedrange: true, tickvals: [0, 25, 50, 75, 100], ticktext: ["0 %", "25 %", "50 %", "75 %", "100 %"], gridcolor: colour("line"), zeroline: false },
    annotations: bandLabels(times, bands, font, colour, isPaper ? PAPER.height : chart.clientHeight),
  };
  if (!chart.classList.contains("js-plotly-plot")) chart.replaceChildren();
  const wasPaper = chart.layout?.width === PAPER.width;
  await Plotly.react(chart, traces, layout, { displayModeBar: false, responsive: true, doubleClick: false });
  if (wasPaper && !isPaper) Plotly.Plots.resize(chart);
}

const PICTURE = { width: 1280, height: 640 };

// The chart as a picture, with the words above it and a legend: a blob.
export async function picture(chart, format, words) {
  if (!chart.classList.contains("js-plotly-plot")) throw new Error("There is no chart to save.");
  const Plotly = await library();
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
  const layout = {
    ...chart.layout, paper_bgcolor: ground, title: { text: escapeText(words), x: 0.01, font: { size: 16 } },
    margin: { l: 56, r: 16, t: 56, b: 44 }, legend: { orientation: "h", y: -0.08, traceorder: "reversed" },
  };
  const data = chart.data.map((trace) => ({ ...trace, showlegend: trace.hoverinfo !== "skip" }));
  const text = await Plotly.toImage({ data, layout }, { format, ...PICTURE, imageDataOnly: true });
  if (format === "svg") return new Blob([text], { type: "image/svg+xml" });
  return new Blob([Uint8Array.from(atob(text), (character) => character.codePointAt(0))], { type: "image/png" });
}

export function say(chart, text) {
  newest += 1;
  if (chart.classList.contains("js-plotly-plot")) window.Plotly?.purge(chart);
  chart.className = "chart empty";
  chart.replaceChildren(text);
}

// The name of a band, written into it at the right edge, wherever it is thick enough there.
function bandLabels(times, bands, font, colour, height) {
  const last = times.length - 1;
  const found = [];
  let below = 0;
  for (const band of bands) {
    const thick = band.ratios[last] * 100;
    if ((thick / 100) * height >= 26) {
      found.push({
        x: times[last], y: below + thick / 2, xanchor: "right", yanchor: "middle", xshift: -6, showarrow: false,
        text: escapeText(band.short), font: { ...font, color: colour("ink") }, bgcolor: colour("ground"), opacity: 0.86, borderpad: 2,
      });
    }
    below += thick;
  }
  return found;
}

// The library reads a few tags in texts: a key from outside stays the text it is.
function escapeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
