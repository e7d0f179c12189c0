// Names and number formats: what the page calls things.

export const ORIGINS = [
  { key: "cn-open", name: "Chinese open", short: "Chinese open", paint: "cn-open", pattern: "" },
  { key: "cn-proprietary", name: "Chinese proprietary", short: "Chinese proprietary", paint: "cn-proprietary", pattern: "slash" },
  { key: "row-open", name: "Open, rest of world", short: "Open, rest", paint: "row-open", pattern: "dots" },
  { key: "row-proprietary", name: "Proprietary, rest of world", short: "Proprietary, rest", paint: "row-proprietary", pattern: "" },
  { key: "unknown", name: "Unknown", short: "Unknown", paint: "unknown", pattern: "cross" },
];
// Paint and pattern of the bands of any other dimension, in the order of their size.
export const BANDS = [
  ["k0", ""], ["k1", "slash"], ["k2", "dots"], ["k3", "backslash"], ["k4", "lines"], ["k5", "bars"], ["k6", "cross"],
];
export const REST = ["other", ""];

export const WINDOWS = [
  { key: "5m", name: "5 min", long: "5 minutes" },
  { key: "1h", name: "1 h", long: "hour" },
  { key: "24h", name: "24 h", long: "24 hours" },
  { key: "7d", name: "7 d", long: "7 days" },
];

// What a share is a share of. of: "27.4 % of …"; all: "of all …"; at: its place in the cells of a history.
export const MEASURES = [
  { key: "tokens", name: "Tokens", of: "tokens", at: 0 },
  { key: "requests", name: "Requests", of: "requests", at: 1 },
  { key: "output_tokens", name: "Output", of: "output tokens", at: 3, long: "tokens of the answers" },
  { key: "uncached_tokens", name: "Uncached", of: "uncached tokens", at: 4, long: "tokens without cache reads" },
  { key: "cost", name: "Cost", of: "cost", all: "known cost", at: 5, long: "US dollars" },
];
export const measureOf = (key) => MEASURES.find((measure) => measure.key === key);

// What holds a number and its unit on one line.
const narrow = "\u202f";
const whole = new Intl.NumberFormat("en");
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export const windowOf = (key) => WINDOWS.find((window) => window.key === key);
export const originOf = (key) => ORIGINS.find((origin) => origin.key === key) ?? ORIGINS.at(-1);
export const count = (value) => (Number.isFinite(value) ? whole.format(value) : "–");
export const compact = (value) => (!Number.isFinite(value) ? "–" : value < 10_000 ? whole.format(value) : brief.format(value));

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const briefDollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", notation: "compact", maximumSignificantDigits: 3 });
// An amount of a measure, exactly and in few characters.
export function amount(value, measure) {
  if (measure !== "cost" || !Number.isFinite(value)) return count(value);
  return value > 0 && value < 0.005 ? "<$0.01" : dollars.format(value);
}
export const compactAmount = (value, measure) => (measure === "cost" && value >= 100 ? briefDollars.format(value) : measure === "cost" ? amount(value, measure) : compact(value));

// A share in per cent with one decimal; a share that rounds to zero but is not zero is shown as <0.1.
export function share(ratio) {
  if (!Number.isFinite(ratio)) return "–";
  if (ratio > 0 && ratio < 0.0005) return "<0.1";
  // Worked out as a difference, nothing may be a little less than nothing.
  return Math.max(0, ratio * 100).toFixed(1);
}
export const percent = (ratio) => (Number.isFinite(ratio) ? `${share(ratio)}${narrow}%` : "–");

// A difference of two shares in points, with its sign.
export function points(difference, digits = 1) {
  if (!Number.isFinite(difference)) return "–";
  const size = Math.abs(difference * 100).toFixed(digits);
  if (Number(size) === 0) return `±${size}`;
  return `${difference > 0 ? "+" : "−"}${size}`;
}
// 1.96 usual spreads: 19 of 20 hours of the last four weeks stayed within it.
export const halfRange = (usualSpread) => 1.96 * usualSpread;

// What 19 of 20 hours stayed within, as shares.
export const rangeWords = (expected, usual) => `${share(Math.max(0, expected - halfRange(usual)))} to ${share(Math.min(1, expected + halfRange(usual)))}${narrow}%`;

// How long a period is, as people say it.
export function spanWords(seconds) {
  const [size, unit] = seconds < 5400 ? [seconds / 60, "minute"] : seconds < 129_600 ? [seconds / 3600, "hour"] : [seconds / 86_400, "day"];
  const number = Math.max(1, Math.floor(size));
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}${narrow}s`;
  if (s < 5400) return `${Math.round(s / 60)}${narrow}min`;
  if (s < 172_800) return `${Math.round(s / 3600)}${narrow}h`;
  return `${Math.round(s / 86_400)}${narrow}d`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
// The time of day, with its date if that is not today.
export function clock(unix) {
  if (!unix) return "–";
  const date = new Date(unix * 1000);
  return (date.toDateString() === new Date().toDateString() ? clockFormat : dayFormat).format(date);
}

// A moment with its date, in UTC, which says so.
const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
export const momentTime = (unix) => (unix ? `${momentFormat.format(new Date(unix * 1000))} UTC` : "–");

const dateFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
// A day, in UTC as all days that are counted.
export const dayWords = (unix) => dateFormat.format(new Date(unix * 1000));

// When a known event was; without the time of day where it is midnight. In UTC it says so.
export function noteTime(unix, isLocal) {
  const date = new Date(unix * 1000);
  const zone = isLocal ? {} : { timeZone: "UTC" };
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", ...zone }).format(date);
  const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", ...zone }).format(date);
  return time === "00:00" ? day : `${day}, ${time}${isLocal ? "" : " UTC"}`;
}

// As the worker names them.
const OWN_NAMES = new Map([["und", "Undetermined"], ["zh-Hans", "Chinese (Simplified)"], ["zh-Hant", "Chinese (Traditional)"]]);
const OWN_JURISDICTIONS = new Map([["self-hosted", "Self-hosted"], ["hk", "Hong Kong"], ["mo", "Macao"], ["tr", "Turkey"]]);
function names(type) {
  try { return new Intl.DisplayNames(["en"], { type }); } catch { return null; }
}
const languageNames = names("language");
const regionNames = names("region");
function named(of, key) {
  try { return of?.of(key) ?? key; } catch { return key; }
}
// Names that the worker has sent come first; a language that left every window has only its tag.
// A country is sent as its code.
export function keyName(dimension, key, sent) {
  const origin = dimension === "origin" && ORIGINS.find((each) => each.key === key);
  if (origin) return origin.name;
  if (key === "other") return "Other";
  if (dimension === "jurisdiction") {
    if (key === "unknown") return "Unknown";
    return OWN_JURISDICTIONS.get(key) ?? (key.length === 2 ? named(regionNames, key.toUpperCase()) : sent ?? key);
  }
  if (sent) return sent;
  if (dimension === "tenant" && key === "unknown") return "No tenant named";
  if (dimension !== "language") return key === "unknown" ? "Unknown" : key;
  return OWN_NAMES.get(key) ?? named(languageNames, key);
}
