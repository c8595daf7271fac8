// Speaks to the server: one function for a request, one kind of error, two hooks for what pages show.
import { keepList, recalled } from "./entries.js";
import { signal, useEffect, useState } from "./html.js";

/** The project that requests name in `x-project-id`. */
export const project = signal(null);

/** How long a page waits by itself when the server asks for patience, in seconds. */
const LONGEST_WAIT = 20;

/** How many rows of a list are loaded again at once. */
const MOST_AGAIN = 500;

/** A refusal, in the server's words. */
export class Refusal extends Error {
  constructor(status, body, fallback) {
    super(body?.error?.message ?? body?.message ?? fallback);
    this.status = status;
    this.code = body?.error?.code ?? "";
    this.details = body?.error?.details ?? [];
    this.requestId = body?.requestId ?? "";
    this.retryAfter = body?.retryAfter ?? null;
  }
}

let signedOut = () => {};

/** Says what happens when a session turns out to be over. */
export function whenSignedOut(action) {
  signedOut = action;
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/**
 * Asks the server; answers the `data` of its answer.
 *
 * `body` is sent as JSON, `scoped` names the chosen project, `raw` answers the response itself, and `key` asks with a key in
 * place of the session. Reading waits when there were too many requests; a change is left to the reader to repeat.
 */
export async function ask(method, path, { body, scoped = false, raw = false, signal: stop, quiet = false, key } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (scoped && project.value) headers["x-project-id"] = project.value;
  if (key) headers.authorization = `Bearer ${key}`;
  const credentials = key ? "omit" : "same-origin";
  for (let tries = 1; ; tries += 1) {
    let response;
    try {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      response = await fetch(path, { method, headers, body: sent, signal: stop, credentials });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(0, null, "The server cannot be reached. Check your connection and try again.");
    }
    if (response.ok) return raw ? response : (await response.json()).data;
    const told = await response.json().catch(() => null);
    const refusal = new Refusal(response.status, told, `The server answered ${response.status}.`);
    const patient = method === "GET" && [429, 503].includes(response.status) && tries < 4;
    if (patient && (refusal.retryAfter ?? 1) <= LONGEST_WAIT) {
      await pause(refusal.retryAfter ?? 1);
      continue;
    }
    if (response.status === 401 && !quiet && !key) signedOut();
    throw refusal;
  }
}

/** Puts a query behind a path; empty values are left out, lists are repeated. */
export function withQuery(path, query) {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const kept = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(kept).toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

/** Loads something for a page: `{data, error, reload, replace}`; neither data nor error while it is under way. */
export function useLoaded(path, { scoped = false } = {}) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  const key = path && `${path} ${scoped ? project.value : ""}`;
  useEffect(() => {
    if (!path) return undefined;
    const stop = new AbortController();
    ask("GET", path, { scoped, signal: stop.signal }).then(
      (data) => setState({ key, data }),
      (error) => error.name !== "AbortError" && setState({ key, error }),
    );
    return () => stop.abort();
  }, [key, turn]);
  const { data, error } = state.key === key ? state : {};
  return { data, error, reload: () => setTurn((now) => now + 1), replace: (now) => setState({ key, data: now }) };
}

/** What the next page of a list is asked for by: a cursor, or a number where pages have numbers; null on the last one. */
function following(data) {
  const { page, totalPages, pages } = data.pagination ?? data;
  if (page === undefined) return data.nextCursor ?? null;
  return page < (totalPages ?? pages ?? 0) ? page + 1 : null;
}

/**
 * Loads a list page by page: `{items, error, more, busy, reload, about}`; `more` is null on the last page, `about` is
 * whatever the first one said besides. A list with a `body` is searched for by POST.
 */
export function useList(path, name, { scoped = false, body, rowKey = "id" } = {}) {
  const [turn, setTurn] = useState(0);
  const [busy, setBusy] = useState(false);
  const key = path && `${path} ${scoped ? project.value : ""} ${body ? JSON.stringify(body) : ""}`;
  // Whoever comes back sees the rows that were there, and then what has become of them.
  const [state, setState] = useState(() => recalled(key) ?? {});
  const page = (next, stop) => {
    if (body) return ask("POST", path, { scoped, signal: stop, body: next ? { ...body, page: next } : body });
    return ask("GET", next ? withQuery(path, typeof next === "number" ? { page: next } : { cursor: next }) : path, { scoped, signal: stop });
  };
  // Pages that have numbers shift while things are added before them.
  const joined = (before, after) => [...before, ...after.filter((one) => before.every((known) => known[rowKey] !== one[rowKey]))];
  /** As many rows as were shown, so that one that is gone takes no others with it. */
  const load = async (wanted, stop) => {
    const about = await page(null, stop);
    let [items, next] = [about[name], following(about)];
    while (next && items.length < Math.min(wanted, MOST_AGAIN)) {
      const data = await page(next, stop);
      [items, next] = [joined(items, data[name]), following(data)];
    }
    return { key, items, next, about };
  };
  useEffect(() => {
    if (!path) return undefined;
    const stop = new AbortController();
    load((state.key === key && state.items?.length) || 0, stop.signal).then(
      setState,
      (error) => error.name !== "AbortError" && setState({ key, error }),
    );
    return () => stop.abort();
  }, [key, turn]);
  useEffect(() => {
    if (state.items) keepList(state.key, state);
  }, [state]);
  const { items, error, next, about } = state.key === key ? state : {};
  const more = async () => {
    setBusy(true);
    try {
      const data = await page(next);
      setState((now) => (now.key === key ? { ...now, items: joined(now.items, data[name]), next: following(data), error: undefined } : now));
    } catch (failure) {
      setState((now) => (now.key === key ? { ...now, error: failure } : now));
    } finally {
      setBusy(false);
    }
  };
  return { items, error, busy, about, more: next ? more : null, reload: () => setTurn((now) => now + 1) };
}
