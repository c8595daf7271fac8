// What each entry of the browser's history showed, so that the way back leads to the same place of the same list.

/** What is kept of each entry: how far it was scrolled, and its lists. It lives as long as the window. */
const kept = new Map();

/** How many entries are kept; the oldest are forgotten first. */
const MOST = 30;

/** How long a page may take to be as long as it was, in milliseconds. */
const PATIENCE = 2000;

let current = history.state?.entry ?? crypto.getRandomValues(new Uint32Array(1))[0];
history.scrollRestoration = "manual";
history.replaceState({ entry: current }, "");

function entry() {
  if (!kept.has(current)) kept.set(current, { scroll: 0, lists: new Map() });
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
  return kept.get(current);
}

/** The state of a new entry, or of the one that is there, for the browser to keep. */
export const stateOfThis = () => ({ entry: current });

/** Begins a new entry, for `history.pushState`. */
export function begin() {
  entry().scroll = scrollY;
  current = crypto.getRandomValues(new Uint32Array(1))[0];
  return stateOfThis();
}

/** Comes back to an entry, as the browser names it; what it answers scrolls to where the reader was. */
export function comeBack(state) {
  entry().scroll = scrollY;
  current = state?.entry ?? 0;
  const { scroll } = entry();
  return () => scrollWhenLong(scroll);
}

/** A list as it was when the reader left this entry, if it is the same. */
export const recalled = (name) => entry().lists.get(name);

/** Keeps a list as it is. */
export const keepList = (name, list) => entry().lists.set(name, list);

/** Forgets all lists: whoever signs in next in this window is perhaps somebody else. */
export const forgetLists = () => kept.clear();

/** Scrolls as soon as the page is long enough, unless the reader does something first. */
function scrollWhenLong(to) {
  const end = performance.now() + PATIENCE;
  const isLeft = current;
  let isOver = false;
  const stop = () => (isOver = true);
  const events = ["wheel", "touchstart", "keydown", "pointerdown"];
  for (const name of events) addEventListener(name, stop, { once: true, passive: true });
  const look = () => {
    if (isOver || current !== isLeft) return;
    scrollTo(0, to);
    if (Math.abs(scrollY - to) > 1 && performance.now() < end) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
