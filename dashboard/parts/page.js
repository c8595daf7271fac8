// The head of a page: its name, what it is for, and what can be done.
import { html, useEffect, useRef } from "../html.js";
import { Icon } from "./icon.js";

/** The focus goes to the heading when a page opens, so that screen readers begin there. */
export function Heading({ title, name, about, back, actions }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${name ?? title} · Posthaste`;
  }, [name, title]);
  useEffect(() => {
    if (!document.querySelector("dialog[open]")) heading.current.focus({ preventScroll: true });
  }, []);
  return html`<header class="heading">
    <div>
      ${back && html`<a class="back" href=${back.href}><${Icon} name="back" />${back.label}</a>`}
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${about && html`<p>${about}</p>`}
    </div>
    ${actions && html`<div class="actions">${actions}</div>`}
  </header>`;
}

/** A part of a page with a name of its own. */
export function Card({ title, about, actions, children, look = "" }) {
  return html`<section class=${`card ${look}`}>
    ${(title || actions) && html`<header><div><h2>${title}</h2>${about && html`<p>${about}</p>`}</div>${actions}</header>`}
    ${children}
  </section>`;
}

/** Names and what they stand for. `rows` are pairs; empty ones are left out. */
export function Facts({ rows }) {
  return html`<dl class="facts">${rows.filter(Boolean).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
