// What can be done with one thing of a list, behind three dots.
import { html, useId, useRef } from "../html.js";
import { Icon } from "./icon.js";

/** `items` are `{label, act, look}`; it opens above everything, so that no table cuts it off. */
export function Menu({ label, items }) {
  const id = useId();
  const button = useRef();
  const list = useRef();
  const place = (event) => {
    const { right, bottom, top } = button.current.getBoundingClientRect();
    const { style } = list.current;
    if (event.type === "beforetoggle") {
      style.right = `${Math.max(8, document.documentElement.clientWidth - right)}px`;
      style.top = `${bottom + 4}px`;
    } else if (event.newState === "open") {
      const height = list.current.offsetHeight;
      if (bottom + 4 + height > innerHeight) style.top = `${Math.max(8, top - 4 - height)}px`;
      list.current.querySelector("button")?.focus();
    }
  };
  const move = (event) => {
    const all = [...list.current.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Tab") list.current.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    all[(to + all.length) % all.length].focus();
  };
  const act = (item) => () => {
    list.current.hidePopover();
    button.current.focus();
    item.act();
  };
  return html`<span class="menu">
    <button ref=${button} type="button" class="button bare quiet" aria-haspopup="menu" aria-label=${label} title=${label} popovertarget=${id}><${Icon} name="more" /></button>
    <div ref=${list} id=${id} popover="auto" role="menu" aria-label=${label} onBeforeToggle=${place} onToggle=${place} onKeyDown=${move}>
      ${items.filter(Boolean).map((item) => html`<button type="button" role="menuitem" tabindex="-1" class=${item.look ?? ""} onClick=${act(item)}>${item.label}</button>`)}
    </div>
  </span>`;
}
