// To hand over: the address of what is shown, and the chart as a picture with its title and date.

import { picture } from "./chart.js";
import { byId } from "./dom.js";

const SHOWN_MS = 4000;

// Copies a text; returns what to tell the reader. element: what holds the text to select by hand.
export async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    // Over plain HTTP from another machine a page may not write to the clipboard by itself.
    if (!element) return "Not copied: take the address from the browser.";
    getSelection().selectAllChildren(element);
    return document.execCommand("copy") ? "Copied." : "Selected: copy it with Ctrl+C.";
  }
}

export function say(id, words) {
  byId(id).textContent = words;
  setTimeout(() => { byId(id).textContent = ""; }, SHOWN_MS);
}

byId("copy-link").addEventListener("click", async () => {
  const words = await copy(location.href);
  say("link-copied", words);
  byId("copy-link").textContent = words === "Copied." ? "Copied" : "Not copied";
  setTimeout(() => { byId("copy-link").textContent = "Copy link"; }, SHOWN_MS);
});

// title: called for the words above the picture and the name of its file.
export function offerPictures(title) {
  for (const format of ["png", "svg"]) {
    byId(`chart-${format}`).addEventListener("click", async () => {
      try {
        const { words, file } = title();
        const link = document.createElement("a");
        link.href = URL.createObjectURL(await picture(byId("chart"), format, words));
        link.download = `${file}.${format}`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), SHOWN_MS);
      } catch (error) {
        say("chart-saved", error.message);
      }
    });
  }
}
