// Which page is shown: the path below /dashboard and its query, with the history of the browser.
import { begin, comeBack, stateOfThis } from "./entries.js";
import { signal } from "./html.js";

const BASE = "/dashboard";

// The secret of a link stands after `#`. It is taken out of the address bar before anything else happens, so that it
// gets neither into a screenshot nor, by a reload, into somebody else's hands.
let secret = location.hash.slice(1);
if (secret) history.replaceState(stateOfThis(), "", location.pathname + location.search);

/** The secret that the address carried; it is given once. */
export function takeSecret() {
  const taken = secret;
  secret = "";
  return taken;
}

function here() {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "") || "/";
  return { path, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

/** Where the reader is: `{path, query}`. */
export const place = signal(here());

/** What keeps the reader here, and where that is. */
const holds = new Set();

addEventListener("popstate", ({ state }) => {
  const [held] = holds;
  // The entry that was gone from is made anew, so that the page stays as it is.
  if (held) return history.pushState(stateOfThis(), "", held.address);
  // The browser went to a place of this page, which is told below.
  if (!state) return undefined;
  const scroll = comeBack(state);
  place.value = here();
  scroll();
  return undefined;
});

/** Keeps the reader on the page, whatever the browser is told, until what it answers is called: something is shown once. */
export function stayHere() {
  const hold = { address: location.pathname + location.search };
  const ask = (event) => event.preventDefault();
  holds.add(hold);
  addEventListener("beforeunload", ask);
  return () => {
    holds.delete(hold);
    removeEventListener("beforeunload", ask);
  };
}

addEventListener("hashchange", () => {
  secret = location.hash.slice(1);
  history.replaceState(stateOfThis(), "", location.pathname + location.search);
  place.value = here();
});

/** The address of a page; empty values of the query are left out. */
export function address(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(kept).toString();
  return (path === "/" ? BASE : BASE + path) + (text ? `?${text}` : "");
}

/** Goes to an address that `address` made. */
export function go(target, { replace = false } = {}) {
  if (replace) history.replaceState(stateOfThis(), "", target);
  else history.pushState(begin(), "", target);
  place.value = here();
  if (!replace) scrollTo(0, 0);
}

/** Changes parts of the query and stays on the page. */
export function setQuery(changes) {
  go(address(place.value.path, { ...place.value.query, ...changes }), { replace: true });
}

/** A page of ours, whatever a link claims: to anything else it is the first one. */
export function ownPage(target) {
  try {
    const url = new URL(target, location.origin);
    const inside = url.pathname === BASE || url.pathname.startsWith(`${BASE}/`);
    if (url.origin === location.origin && inside) return url.pathname + url.search;
  } catch {
    // It is no address at all.
  }
  return BASE;
}

// Links to pages are ordinary links; a plain click on one does not load everything anew.
addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return;
  if (link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
