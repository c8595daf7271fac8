// The frame of pages for people who are not signed in.
import { html, useEffect, useRef } from "../html.js";
import { Mark } from "./icon.js";

export function Gate({ title, about, children }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${title} · Posthaste`;
    // A field that the page wants filled in first has taken the focus already.
    if (document.activeElement === document.body) heading.current.focus({ preventScroll: true });
  }, [title]);
  return html`<main class="gate">
    <div class="card">
      <p class="brand"><${Mark} />Posthaste</p>
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${about && html`<p class="about">${about}</p>`}
      ${children}
    </div>
  </main>`;
}

/** Puts the cursor where typing begins. */
export function useFirstField() {
  const form = useRef();
  useEffect(() => form.current?.querySelector("input:not([readonly])")?.focus(), []);
  return form;
}
