// Times in the reader's zone; the exact one is told on hover and to programs.
import { html, signal } from "../html.js";

// The words are English; the order of day and month is the reader's where the browser speaks English.
const LANGUAGE = navigator.language?.startsWith("en") ? navigator.language : "en-GB";
const zoned = (options) => new Intl.DateTimeFormat(LANGUAGE, options);
const EXACT = zoned({ dateStyle: "full", timeStyle: "long" });
const CLOCK = zoned({ hour: "2-digit", minute: "2-digit" });
const TO_THE_SECOND = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };
const PRECISE = zoned(TO_THE_SECOND);
const PRECISE_OF_OLD = zoned({ ...TO_THE_SECOND, year: "numeric" });
const DAY = zoned({ day: "numeric", month: "short" });
const DATE = zoned({ day: "numeric", month: "short", year: "numeric" });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;

/** A day without its time, as the axis of a chart shows it. `day` may be `2026-11-21`, which has no zone. */
export const dayName = (day) => DAY.format(new Date(day.length === 10 ? `${day}T12:00` : day));
/** A time as a field for one wants it: in the reader's zone, without saying so. */
export const localTime = (at) => (at ? new Date(new Date(at) - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16) : "");
export const clockTime = (at) => CLOCK.format(new Date(at));

/** Now, as far as words about times are concerned: they change by the minute. */
const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), MINUTE);

const isOfThisYear = (then) => then.getFullYear() === new Date().getFullYear();

function words(at) {
  // To look at the signal is what has the words drawn anew.
  const age = Math.max(now.value, Date.now()) - at;
  if (Math.abs(age) < MINUTE) return age < 0 ? "in a moment" : "just now";
  if (age > 0 && age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < 0 && age > -HOUR) return `in ${Math.ceil(-age / MINUTE)} min`;
  const then = new Date(at);
  const today = new Date();
  if (then.toDateString() === today.toDateString()) return `today, ${CLOCK.format(then)}`;
  if (Math.abs(age) < WEEK) return `${DAY.format(then)}, ${CLOCK.format(then)}`;
  if (isOfThisYear(then)) return DAY.format(then);
  return DATE.format(then);
}

/** A time; `precise` says it to the second. */
export function Moment({ at, precise = false, never = "Never" }) {
  if (!at) return html`<span class="soft">${never}</span>`;
  const then = new Date(at);
  return html`<time datetime=${at} title=${EXACT.format(then)}>${precise ? (isOfThisYear(then) ? PRECISE : PRECISE_OF_OLD).format(then) : words(then.getTime())}</time>`;
}
