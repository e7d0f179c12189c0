// A time axis: round moments and their words. Of times as a chart has them: unix milliseconds, read as UTC.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
// 1970-01-05, a Monday.
const FIRST_MONDAY = 4 * DAY;
const STEPS = [HOUR / 60, HOUR / 30, HOUR / 12, HOUR / 6, HOUR / 4, HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK, 2 * WEEK];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTH = 30.44 * DAY;

const words = (options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
const time = words({ hour: "2-digit", minute: "2-digit" });
const day = words({ day: "numeric", month: "short" });
const month = words({ month: "short", year: "numeric" });

// At most so many ticks from first to last: {at, text} each.
export function ticks(first, last, most) {
  const found = [];
  const every = STEPS.find((step) => (last - first) / step <= most);
  if (every) {
    const offset = every % WEEK ? 0 : FIRST_MONDAY;
    for (let at = Math.ceil((first - offset) / every) * every + offset; at <= last; at += every) {
      found.push({ at, text: (at % DAY ? time : day).format(at) });
    }
    return found;
  }
  const months = MONTHS.find((number) => (last - first) / MONTH / number <= most) ?? MONTHS.at(-1);
  const from = new Date(first);
  const start = from.getUTCFullYear() * 12 + from.getUTCMonth();
  for (let number = Math.ceil(start / months) * months; ; number += months) {
    const at = Date.UTC(Math.floor(number / 12), number % 12, 1);
    if (at > last) return found;
    if (at >= first) found.push({ at: at, text: month.format(at) });
  }
}
