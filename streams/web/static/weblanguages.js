// What the web is written in, for the eye only: sites are no tokens, so nothing here is added up.
//
// Websites by the language of their home page, per cent: W3Techs, usage of content languages,
// 1 October 2026. `https`: of its segment of sites that default to HTTPS. `2024`: of 14 November
// 2024, as Wikipedia, "Languages used on the Internet", has it.

import { el } from "./dom.js";

const SITES = {
  en: [49.5], es: [6.0], de: [5.9], ja: [4.9], fr: [4.5],
  pt: [4.1, "https"], ru: [3.2, "https"], zh: [1.2, "https"], id: [1.1, "https"], ar: [0.6, "https"],
  it: [2.7, "2024"], tr: [1.8, "2024"], fa: [1.3, "2024"],
};
const MARKS = { https: "a", 2024: "b", scripts: "c" };
const SOURCES = {
  https: "sites that default to HTTPS",
  2024: "14 November 2024",
  scripts: "all written Chinese, and sites that default to HTTPS",
};

// The cell of each language tag in `keys`, which are by size: Chinese stands where most of it is.
export function webCells(keys) {
  const seen = new Set();
  return new Map(keys.map((key) => {
    const language = key.split("-")[0];
    const [percent, kind] = seen.has(language) ? [] : (SITES[language] ?? []);
    seen.add(language);
    const source = language === "zh" ? "scripts" : kind;
    const title = percent === undefined ? "No figure" : `${percent.toFixed(1)} per cent of websites${source ? ` (${SOURCES[source]})` : ""}`;
    return [key, el("td", { class: "web", title },
      percent === undefined ? "–" : percent.toFixed(1), el("sup", null, source && percent !== undefined ? MARKS[source] : ""))];
  }));
}

export function webNote() {
  return [
    el("strong", null, "Web is another unit: "),
    "per cent of websites by the language of their home page, not of tokens. Source: W3Techs, 1 October 2026; ",
    `${MARKS.https} ${SOURCES.https}; ${MARKS[2024]} ${SOURCES[2024]}; ${MARKS.scripts} ${SOURCES.scripts}. `,
    "Counts differ: Common Crawl has English at 40.5 % of pages (August 2026), Funredes Chinese at 21.6 % of content (2022).",
  ];
}
