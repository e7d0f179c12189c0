// What the web is written in, for the eye only: sites are no tokens, so nothing here is added up.
//
// Websites by the language of their home page, per cent: W3Techs, usage of content languages,
// 1 October 2026. `https`: of its segment of sites that default to HTTPS. `y2024`: of 14 November
// 2024, as Wikipedia, "Languages used on the Internet", has it.

import { el } from "./dom.js";

const SITES = new Map(Object.entries({
  en: [49.5], es: [6.0], de: [5.9], ja: [4.9], fr: [4.5],
  pt: [4.1, "https"], ru: [3.2, "https"], zh: [1.2, "https"], id: [1.1, "https"], ar: [0.6, "https"],
  it: [2.7, "y2024"], tr: [1.8, "y2024"], fa: [1.3, "y2024"],
}));
const MARKS = { https: "a", y2024: "b", scripts: "c" };
const SOURCES = {
  https: "of sites that default to HTTPS",
  y2024: "14 November 2024",
  scripts: "like a, and all written Chinese",
};

// The cell of each language tag in `keys`, which are by size: Chinese stands where most of it is.
export function webCells(keys) {
  const seen = new Set();
  return new Map(keys.map((key) => {
    const language = key.split("-")[0];
    const [percent, kind] = seen.has(language) ? [] : (SITES.get(language) ?? []);
    seen.add(language);
    const source = language === "zh" ? "scripts" : kind;
    const title = percent === undefined ? "No figure" : `${percent.toFixed(1)} per cent of websites${source ? ` (${SOURCES[source]})` : ""}`;
    return [key, el("td", { class: "web", title },
      percent === undefined ? "–" : percent.toFixed(1), el("sup", null, source && percent !== undefined ? MARKS[source] : ""))];
  }));
}

// keys: the rows that are shown; a mark without a row would lead nowhere.
export function webNote(keys) {
  const kinds = new Set(keys.map((key) => key.split("-")[0]).filter((language) => SITES.has(language)).map((language) => (language === "zh" ? "scripts" : SITES.get(language)[1])));
  return [
    el("strong", null, "Web is another unit: "),
    "per cent of websites by the language of their home page, not of tokens. Source: W3Techs, 1 October 2026",
    ...Object.keys(SOURCES).filter((kind) => kinds.has(kind) || (kind === "https" && kinds.has("scripts"))).flatMap((kind) => ["; ", el("sup", null, MARKS[kind]), `\u00a0${SOURCES[kind]}`]),
    ". ",
    "Counts differ: Common Crawl has English at 40.5 % of pages (August 2026), Funredes Chinese at 21.6 % of content (2022).",
  ];
}
