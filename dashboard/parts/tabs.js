// Several views of one thing; the arrow keys go from one to the next (WAI-ARIA, tabs).
import { html, useId, useState } from "../html.js";
import { place, setQuery } from "../router.js";

/** `tabs` are `{name, label, show}`. `query` names the part of the address in which the choice stands, if it does. */
export function Tabs({ label, tabs, query }) {
  const id = useId();
  const all = tabs.filter(Boolean);
  const [kept, keep] = useState(all[0].name);
  const chosen = query ? place.value.query[query] : kept;
  const setChosen = (name) => (query ? setQuery({ [query]: name === all[0].name ? "" : name }) : keep(name));
  const open = all.find(({ name }) => name === chosen) ?? all[0];
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = all[(all.indexOf(open) + by + all.length) % all.length];
    setChosen(next.name);
    event.currentTarget.querySelector(`[data-name="${next.name}"]`).focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${move}>
      ${all.map(({ name, label: words }) => html`<button type="button" role="tab" data-name=${name} id=${`${id}-${name}`} aria-controls=${`${id}-panel`}
        aria-selected=${name === open.name} tabindex=${name === open.name ? 0 : -1} onClick=${() => setChosen(name)}>${words}</button>`)}
    </div>
    <div role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${open.name}`}>${open.show()}</div>
  </div>`;
}
