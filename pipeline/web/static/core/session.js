// Who is logged in, and which project is looked at.
import { place } from "./router.js";
import { store } from "./store.js";

/** undefined: not known yet; null: nobody; else {name, scope, project, csrf_token, expires_at}. */
export const session = store(undefined);

/** Name of the project that is looked at; "" for the server's own choice. */
export const project = store(place.value.query.project ?? localStorage.getItem("project") ?? "");

/** [{name, documents, created_at}] that this key sees. */
export const projects = store([]);

const RANKS = { read: 0, write: 1, admin: 2 };

/** Whether who is logged in may do what needs this scope. */
export function may(scope) {
  return RANKS[session.value?.scope] >= RANKS[scope];
}

export function choose(name) {
  if (name === project.value) return;
  localStorage.setItem("project", name);
  project.set(name);
}

/** A query that names the project, for a request or for a link that another person can follow. */
export function inProject(query = {}) {
  return { ...query, project: project.value };
}

place.subscribe(({ query }) => query.project && choose(query.project));
