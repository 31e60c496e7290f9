// The shell around every page.
import { Fault, get } from "./core/api.js";
import { html, render, useEffect, useRef, useState } from "./core/lib.js";
import { match, place } from "./core/router.js";
import { session } from "./core/session.js";
import "./core/shortcuts.js";
import { useStore } from "./core/store.js";
import Login from "./pages/login.js";
import { routes } from "./routes.js";
import { Confirmations } from "./ui/dialog.js";
import { Header } from "./ui/header.js";
import { Empty, Trouble } from "./ui/shown.js";
import { Toasts } from "./ui/toasts.js";

function App() {
  const who = useStore(session);
  const { path, query } = useStore(place);
  if (who === undefined) return html`<main id="main" aria-busy="true"></main>`;
  if (!who || path === "/login") return html`<${Login} /><${Toasts} />`;
  return html`
    <a class="skip" href="#main">Skip to content</a>
    <${Header} path=${path} />
    <main id="main" tabindex="-1"><${Page} path=${path} query=${query} /></main>
    <${Toasts} /><${Confirmations} />
  `;
}

/** The page of a path; the one before stays until it is here. */
function Page({ path, query }) {
  const found = match(routes, path);
  const [shown, show] = useState({});
  const route = found?.route;
  useEffect(() => {
    let stale = false;
    route?.page().then(
      (module) => stale || show({ route, View: module.default }),
      () => stale || show({ route, fault: new Fault({ detail: "This page could not be loaded.", advice: "Load it anew: the program may have been updated." }) }),
    );
    return () => (stale = true);
  }, [route]);
  const first = useRef(path);
  useEffect(() => {
    if (path !== first.current) document.getElementById("main")?.focus({ preventScroll: true }); // a screen reader begins there
    first.current = null;
  }, [path]);
  if (!found) return html`<${Empty} icon="search" title="There is no such page">See <a href="/">the documents</a>.<//>`;
  if (shown.route !== route) return null;
  if (shown.fault) return html`<${Trouble} fault=${shown.fault} again=${() => window.location.reload()} />`;
  return html`<${shown.View} key=${path} ...${found.params} query=${query} />`;
}

async function begin() {
  session.set(await get("/api/session").catch(() => null));
}

render(html`<${App} />`, document.getElementById("app"));
begin();
