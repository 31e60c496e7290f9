// Where the page is, over the History API. Plain links work: a click on one inside the site comes here.
import { useEffect } from "./lib.js";
import { store } from "./store.js";

export const place = store(here());

function here() {
  const { pathname, search } = window.location;
  return { path: pathname, query: Object.fromEntries(new URLSearchParams(search)), state: history.state ?? {} };
}

/** Go to an address of this site. `replace` leaves no step to come back to; `state` is kept with the step. */
export function go(href, { replace = false, state = {} } = {}) {
  history[replace ? "replaceState" : "pushState"](state, "", href);
  const before = place.value.path;
  place.set(here());
  if (!replace && place.value.path !== before) window.scrollTo(0, 0);
}

/** `/search?q=…` of a path and a query; what is empty is left out. */
export function address(path, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined && each !== null && each !== "") words.append(name, each);
  }
  const said = words.toString();
  return said ? `${path}?${said}` : path;
}

/** The route of the table that this path is, with its parameters: `{route, params}`, or null. */
export function match(routes, path) {
  for (const route of routes) {
    const names = [];
    const pattern = route.path.replace(/\{(\w+)\}/g, (_, name) => (names.push(name), "([^/]+)"));
    const found = path.match(new RegExp(`^${pattern}/?$`));
    if (found) return { route, params: Object.fromEntries(names.map((name, n) => [name, decodeURIComponent(found[n + 1])])) };
  }
  return null;
}

/** The title of the window, and what a screen reader is told of a new page. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · nlp-pipeline` : "nlp-pipeline";
  }, [title]);
}

window.addEventListener("popstate", () => place.set(here()));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  if (link.origin !== window.location.origin || link.pathname.startsWith("/api/") || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
