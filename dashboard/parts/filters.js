// Filters of a list. They stand in the address, so that a link, a reload and the way back keep them.
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { place, setQuery } from "../router.js";
import { Icon } from "./icon.js";

/** How long a reader's typing may rest before it is searched for, in milliseconds. */
const REST = 350;

/** A line to search with, bound to `q` of the address. `whole` says that a part of a word finds nothing, so that Enter is waited for. */
export function SearchFilter({ label, placeholder, name = "q", whole = false }) {
  const now = place.value.query[name] ?? "";
  const [text, setText] = useState(now);
  const timer = useRef();
  useEffect(() => setText(now), [now]);
  const search = (value) => setQuery({ [name]: value.trim() });
  const input = (event) => {
    const { value } = event.currentTarget;
    setText(value);
    clearTimeout(timer.current);
    if (!whole || value === "") timer.current = setTimeout(() => search(value), REST);
  };
  const submit = (event) => {
    event.preventDefault();
    clearTimeout(timer.current);
    search(text);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return html`<form class="search" role="search" onSubmit=${submit}>
    <${Icon} name="search" />
    <input type="search" aria-label=${label} placeholder=${placeholder ?? label} value=${text} onInput=${input} autocomplete="off" spellcheck="false" />
  </form>`;
}

/** One of a few, bound to the address. `options` are pairs of value and words; the first stands for all. */
export function SelectFilter({ name, label, options }) {
  const id = useId();
  const now = place.value.query[name] ?? "";
  return html`<span class="filter">
    <label for=${id}>${label}</label>
    <select id=${id} value=${now} onChange=${(event) => setQuery({ [name]: event.currentTarget.value })}>
      ${options.map(([value, words]) => html`<option key=${value} value=${value} selected=${value === now}>${words}</option>`)}
    </select>
  </span>`;
}

/** A day, bound to the address. */
export function DayFilter({ name, label }) {
  const id = useId();
  return html`<span class="filter">
    <label for=${id}>${label}</label>
    <input id=${id} type="date" value=${place.value.query[name] ?? ""} onChange=${(event) => setQuery({ [name]: event.currentTarget.value })} />
  </span>`;
}

/** Takes every filter off, where one is on. */
export function ClearFilters({ names }) {
  const { query } = place.value;
  if (!names.some((name) => query[name])) return null;
  const none = Object.fromEntries(names.map((name) => [name, ""]));
  return html`<button type="button" class="button quiet" onClick=${() => setQuery(none)}>Clear</button>`;
}
