// Who is signed in, what they may do, and which project they look at.
import { ask, project, whenSignedOut } from "./api.js";
import { forgetLists } from "./entries.js";
import { signal } from "./html.js";
import { address, go, place } from "./router.js";
import { remember, remembered } from "./storage.js";

/** What `/v1/auth/me` says; undefined until it has answered, null for nobody. */
export const me = signal(undefined);

/** Asks who is signed in. */
export async function loadMe() {
  try {
    me.value = await ask("GET", "/v1/auth/me", { quiet: true });
    chooseFirstProject();
  } catch (error) {
    if (error.status !== 401) throw error;
    me.value = null;
  }
}

const isKnown = (id) => me.value?.projects.some((one) => one.id === id) ?? false;

function chooseFirstProject() {
  const wanted = [place.value.query.project, project.value, remembered("project")];
  project.value = wanted.find(isKnown) ?? me.value.projects[0]?.id ?? null;
  followAddress();
}

/** The address says whose things are shown, wherever the reader came from: a link, the way back, the way forward. */
function followAddress() {
  const { project: named } = place.value.query;
  if (!isKnown(named)) return;
  project.value = named;
  remember("project", named);
}

place.subscribe(followAddress);

/** Looks at another project from now on. */
export function chooseProject(id) {
  project.value = id;
  remember("project", id);
  const { path, query } = place.value;
  // What a page shows of one thing belongs to its project.
  const [, section] = path.split("/");
  if (isScoped(path)) go(address(`/${section}`, path === `/${section}` ? { ...query, project: id } : { project: id }));
}

const isScoped = (path) => /^\/(mails|mailbox|templates|contacts|suppressions|domains|webhooks)(\/|$)/.test(path);

/** The address of a page of the chosen project, so that a copied link shows the same to a colleague. */
export function scoped(path, query = {}) {
  return address(path, { ...query, project: project.value });
}

/** Whether whoever is signed in may do this; the server decides, this only hides what it would refuse. */
export function may(permission) {
  return me.value?.user.permissions.includes(permission) ?? false;
}

/** The name of a project, if it is still there. */
export function projectName(id) {
  return me.value?.projects.find((one) => one.id === id)?.name;
}

/** Leaves the account in this browser. */
export async function signOut() {
  await ask("POST", "/v1/auth/sign-out", { quiet: true }).catch((error) => {
    if (error.status !== 401) throw error;
  });
  me.value = null;
  forgetLists();
  go(address("/sign-in"));
}

whenSignedOut(() => {
  if (!me.value) return;
  const { pathname, search } = location;
  me.value = null;
  forgetLists();
  go(address("/sign-in", { next: pathname + search }), { replace: true });
});
