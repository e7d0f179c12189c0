// The stacked area: drawn by the page itself, and by the chart library that the worker serves from its
// own package once a reader points at it. The library is fifteen times as much as all the rest.

import { MARGINS, namesOf, QUARTERS, sketch, ticksOf } from "./sketch.js";

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

// As page.css has it for print: no script is told how wide the paper is, and this fits on A4 and Letter.
const PAPER = { width: 660, height: 230 };
let isPaper = false;
export function toPaper(is) { isPaper = is; }

// What was drawn last, to be drawn again by the library or in another size; null where words stand.
let last = null;
const isOfLibrary = (chart) => chart.classList.contains("js-plotly-plot");
const sizeOf = (chart) => (isPaper ? PAPER : { width: chart.clientWidth, height: chart.clientHeight });

// times: starts of the steps and the end of the last one, as texts of a date axis.
// bands: bottom to top, {name, short, paint, pattern, ratios}, one ratio a time. line: {name, times,
// ratios} of another period, or null.
export async function draw(chart, what) {
  last = what;
  watch(chart);
  if (isOfLibrary(chart)) await drawByLibrary(chart);
  else {
    sketch(chart, what, sizeOf(chart));
    if (isPointedAt) bringNumbers(chart);
  }
}

// The pointer may be there before the chart is.
let isPointedAt = false;
{
  const chart = document.getElementById("chart");
  for (const event of ["pointerenter", "pointerdown"]) chart.addEventListener(event, () => { isPointedAt = true; bringNumbers(chart); });
  chart.addEventListener("pointerleave", () => { isPointedAt = false; });
}

let isWatched = false;
function watch(chart) {
  if (isWatched) return;
  isWatched = true;
  let width = chart.clientWidth;
  new ResizeObserver(() => {
    if (chart.clientWidth === width) return;
    width = chart.clientWidth;
    if (last && !isPaper && !isOfLibrary(chart)) sketch(chart, last, sizeOf(chart));
  }).observe(chart);
}

// The numbers at the pointer are the library's.
async function bringNumbers(chart) {
  if (!last || isOfLibrary(chart) || !LIBRARY || chart.classList.contains("is-loading")) return;
  chart.classList.add("is-loading");
  try {
    await library();
    if (last) await drawByLibrary(chart);
    chart.removeAttribute("title");
  } catch {
    // The chart stands without it, and is pointed at again; this is read where the numbers would be.
    chart.title = "The numbers at the pointer could not be loaded.";
  } finally {
    chart.classList.remove("is-loading");
  }
}

async function drawByLibrary(chart) {
  const { Plotly } = window;
  const { times, bands, labels, line } = last;
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
    margin: { l: MARGINS.left, r: MARGINS.right, t: MARGINS.top, b: MARGINS.bottom },
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", font,
    hovermode: "x unified", hoverlabel: { namelength: 40, bgcolor: colour("ground"), bordercolor: colour("line"), font: { ...font, color: colour("ink") } },
    dragmode: false,
    xaxis: { type: "date", range: [times[0], times.at(-1)], fixedrange: true, showgrid: false, linecolor: colour("line"), ticks: "outside", tickcolor: colour("line"), ...tickTexts(times, sizeOf(chart).width), hoverformat: labels },
    yaxis: { range: [0, 100], fixedrange: true, tickvals: QUARTERS, ticktext: QUARTERS.map((each) => `${each} %`), gridcolor: colour("line"), zeroline: false },
    annotations: bandLabels(times, bands, font, colour, sizeOf(chart).height),
  };
  if (!isOfLibrary(chart)) chart.replaceChildren();
  const wasPaper = chart.layout?.width === PAPER.width;
  await Plotly.react(chart, traces, layout, { displayModeBar: false, responsive: true, doubleClick: false });
  if (wasPaper && !isPaper) Plotly.Plots.resize(chart);
}

const PICTURE = { width: 1280, height: 640 };

// The chart as a picture, with the words above it and a legend: a blob.
export async function picture(chart, format, words) {
  if (!last) throw new Error("There is no chart to save.");
  const Plotly = await library();
  if (!isOfLibrary(chart)) await drawByLibrary(chart);
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
  last = null;
  if (isOfLibrary(chart)) window.Plotly.purge(chart);
  chart.className = "chart empty";
  chart.replaceChildren(text);
}

// The same ticks as before the library came.
function tickTexts(times, width) {
  const found = ticksOf(times, width);
  return { tickvals: found.map(({ at }) => new Date(at).toISOString().slice(0, 19)), ticktext: found.map(({ text }) => text) };
}

// The name of a band, written into it at the right edge, wherever it is thick enough there.
function bandLabels(times, bands, font, colour, height) {
  return namesOf(bands, height).map(({ short, middle }) => ({
    x: times.at(-1), y: middle, xanchor: "right", yanchor: "middle", xshift: -6, showarrow: false,
    text: escapeText(short), font: { ...font, color: colour("ink") }, bgcolor: colour("ground"), opacity: 0.86, borderpad: 2,
  }));
}

// The library reads a few tags in texts: a key from outside stays the text it is.
function escapeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
