// The few pictures there are, drawn as lines in the colour of the text. They say nothing that words beside them do not.
import { html } from "../html.js";

const SHAPES = {
  overview: "M3 12h3.5l2.5-7 5 14 2.5-7H21",
  keys: "M14.5 9.5a4.5 4.5 0 1 0-4.2 4.5L12 15.7h2V18h2.3v2.3H20v-3.2l-5.8-5.8c.2-.6.3-1.2.3-1.8ZM8.5 9v.1",
  domains: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.5c2.6 2.4 3.6 5.2 3.6 8.5s-1 6.1-3.6 8.5c-2.6-2.4-3.6-5.2-3.6-8.5s1-6.1 3.6-8.5Z",
  webhooks: "M13 3.5 5.5 13.5H12l-1 7 7.5-10H12l1-7Z",
  templates: "M4 4.5h16v15H4zM4 9h16M9.5 9v10.5",
  contacts: "M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.5-3.6 3.8-5.5 7.5-5.5s7 1.9 7.5 5.5",
  suppressions: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM6 6l12 12",
  projects: "M3.5 7.5 12 3l8.5 4.5L12 12 3.5 7.5ZM3.5 12l8.5 4.5 8.5-4.5M3.5 16.5 12 21l8.5-4.5",
  mails: "M3.5 6h17v12h-17zM4 6.5l8 6.5 8-6.5",
  mailbox: "M3.5 13.5V18h17v-4.5L17.5 6h-11l-3 7.5H8.5l1.5 2.5h4l1.5-2.5h5",
  team: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5c.3-3.6 3-5.5 6.5-5.5s6.2 1.9 6.5 5.5M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 14.6c2 .8 3.3 2.5 3.5 4.9",
  audit: "M6 3.5h9l3.5 3.5v13.5H6zM9 10h6.5M9 13.5h6.5M9 17h4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  copy: "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
  check: "M5 12.5l4.5 4.5L19 7.5",
  plus: "M12 5v14M5 12h14",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20",
  refresh: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  system: "M3.5 5h17v11h-17zM9 20h6M12 16v4",
  back: "M14.5 6 8.5 12l6 6",
};

/** A picture of 24 by 24 units, scaled to the text. */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${SHAPES[name]} /></svg>`;
}

/** The mark: an envelope in a hurry. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" />
    <path d="M10 10h16l-2.5 12h-16zM10 10l6.5 6.5L26 10M2.5 13.5h4M4 17.5h2.5" />
  </svg>`;
}
