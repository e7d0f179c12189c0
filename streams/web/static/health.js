// Health: of the pipeline as the worker reports it, and of the connection to the worker.

import { byId, el, fill } from "./dom.js";
import { partitionsTable, recordsTable } from "./tables.js";
import { age, clock, count } from "./words.js";

// Three questions without an answer are more than one lost packet.
const STALE_AFTER_SECONDS = 6;
const STALE_TITLE = "Stale: ";
// Live traffic is about a second old; a quiet gateway moves the end of the windows all the same.
const OLD_DATA_SECONDS = 60;

// What no reader took a day ago may be read by now, or be gone.
const UNREAD_SECONDS = 86_400;
const NAMED_WRITERS = 3;
const isUnread = (unread, asOf) => unread?.count > 0 && unread.last > asOf - UNREAD_SECONDS;
const writers = (sources) => sources.slice(0, NAMED_WRITERS).map((one) => `${one.source} (${one.format})`).join(", ")
  + (sources.length > NAMED_WRITERS ? " and others" : "");

// Both by the worker's clock: the reader's may be wrong.
const ageOf = ({ as_of: asOf, generated_at: madeAt }) => (asOf && madeAt ? Math.max(0, madeAt - asOf) : NaN);

export function showPipeline(shares) {
  const { lag, late, rejected, unread, partitions, records } = shares.pipeline ?? {};
  // A request is in a pane of each level: the level that lacks most has nearly all of them.
  const lost = (partitions ?? []).reduce((sum, one) => sum + Math.max(0, ...Object.values(one.lost ?? {})), 0);
  const old = ageOf(shares);
  const fact = (name, value, small, isBad) => el("div", { class: isBad ? "bad" : null }, el("dt", null, name), el("dd", null, value, el("small", null, small)));
  fill(byId("pipeline"),
    fact("Lag", count(lag), "records not yet counted"),
    fact("Age", Number.isFinite(old) ? age(old) : "–", `numbers are as of ${clock(shares.as_of)}`, old > OLD_DATA_SECONDS),
    fact("Rejected", count(rejected), rejected ? "records, kept in the dead-letter topic" : "records", rejected > 0),
    fact("Late", count(late), "events more than 10 minutes late, counted where still kept"),
    ...(isUnread(unread, shares.as_of) ? [fact("Unread usage", count(unread.count), `skipped items with token counts that no reader takes, from ${writers(unread.sources)}`, true)] : []),
    ...(lost ? [fact("Lost", count(lost), "counted requests that Kafka has lost from the changelog: history lacks them", true)] : []));
  byId("partitions").hidden = !partitions?.length;
  byId("records").hidden = !records?.length;
  if (byId("partitions").open) fill(byId("partitions").lastElementChild, partitionsTable(partitions ?? [], shares.generated_at, age));
  if (byId("records").open) fill(byId("records").lastElementChild, recordsTable(records ?? []));
}

// silent: seconds since the last answer. shares: that answer, or null before the first.
export function showStatus(silent, shares, failure) {
  const status = byId("status");
  const isStale = silent > STALE_AFTER_SECONDS;
  const title = document.title.replace(STALE_TITLE, "");
  document.title = isStale ? `${STALE_TITLE}${title}` : title;
  if (isStale) {
    // Tens of seconds, so that a screen reader does not announce each one.
    const about = Math.max(6, silent < 60 ? Math.floor(silent / 10) * 10 : silent);
    status.className = "status stale";
    say(status, `Stale: no response for ${age(about)}`);
  } else if (shares) {
    const old = ageOf(shares);
    status.className = "status live";
    say(status, old > OLD_DATA_SECONDS ? `Live, data is ${age(old)} old` : "Live");
  }
  showBanner(isStale, shares, failure);
}

function showBanner(isStale, shares, failure) {
  const banner = byId("banner");
  const children = [];
  if (isStale) {
    children.push(el("p", null, el("strong", null, shares ? `These numbers are of ${clock(shares.as_of)}. ` : "No numbers yet. "),
      failure || "The worker does not respond.", " The page keeps trying."));
  }
  if (shares && !shares.ready) {
    const reasons = shares.reasons?.length ? shares.reasons : ["no reason given"];
    children.push(el("p", null, el("strong", null, "Not ready: the numbers below may be incomplete.")), el("ul", null, ...reasons.map((reason) => el("li", null, reason))));
  }
  fill(banner, ...children);
  banner.hidden = !children.length;
}

// The same words again would be read out again.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
