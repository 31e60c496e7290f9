// The bar at the top: pages, project, theme, who is logged in.
import { get, remove } from "../core/api.js";
import { html, useEffect, useState } from "../core/lib.js";
import { address, go, match } from "../core/router.js";
import { choose, inProject, may, project, projects, session } from "../core/session.js";
import { useStore } from "../core/store.js";
import { count } from "../core/words.js";
import { routes } from "../routes.js";
import { Button, Menu } from "./controls.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { toastFault } from "./toasts.js";

export function Header({ path }) {
  const found = match(routes, path)?.route;
  const here = found?.under ?? found?.path;
  useStore(project);
  return html`<header class="bar">
    <a class="brand" href=${address("/", inProject())} aria-label="nlp-pipeline: documents"><img src=${new URL("../icon.svg", import.meta.url)} alt="" width="24" height="24" /><span>nlp-pipeline</span></a>
    <nav class="pages" aria-label="Pages">
      ${routes
        .filter((route) => route.nav)
        .map(
          (route) => html`<a key=${route.path} href=${address(route.path, inProject())} aria-current=${route.path === here ? "page" : undefined}>
            <${Icon} name=${route.nav.icon} /><span>${route.nav.name}</span>
          </a>`,
        )}
    </nav>
    <div class="bar-end"><${Projects} /><${Theme} /><${Account} /></div>
  </header>`;
}

/** Which project is looked at. Where none was chosen, the largest. */
function Projects() {
  const chosen = useStore(project);
  const known = useStore(projects);
  const { project: own } = useStore(session);
  const [naming, name] = useState(false);
  useEffect(() => {
    get("/api/projects").then(({ projects: found }) => {
      projects.set(found);
      const largest = [...found].sort((one, other) => other.documents - one.documents)[0];
      if (!project.value && largest) choose(largest.name);
    }, toastFault);
  }, [own, chosen]);
  if (own) return html`<span class="project-name" title="This key sees this project alone"><${Icon} name="folder" />${own}</span>`;
  const to = (next) => (choose(next), go(address("/", inProject())));
  return html`
    <${Menu} label=${`Project: ${chosen || "default"}`} icon="folder" text=${chosen || "Project"}>
      ${known.map(
        (each) => html`<button type="button" key=${each.name} aria-current=${each.name === chosen ? "true" : undefined} onClick=${() => to(each.name)}>
          <span class="grow">${each.name}</span><span class="muted">${count(each.documents, "document")}</span>
        </button>`,
      )}
      <button type="button" onClick=${() => name(true)}><${Icon} name="plus" />New project</button>
    <//>
    ${naming && html`<${NewProject} onClose=${() => name(false)} to=${to} />`}
  `;
}

function NewProject({ onClose, to }) {
  const made = (event) => {
    event.preventDefault();
    onClose();
    to(new FormData(event.target).get("name").trim());
  };
  return html`<${Dialog} title="New project" onClose=${onClose}>
    <form class="stack" onSubmit=${made}>
      <label class="field"><span>Name</span><input name="name" required maxlength="100" pattern="[^\\/\\\\]*\\S[^\\/\\\\]*" autocomplete="off" autofocus /></label>
      <p class="muted">It begins with the first document that you put into it.</p>
      <div class="row end"><${Button} kind="primary" type="submit">Go to it<//></div>
    </form>
  <//>`;
}

const THEMES = { "": ["system", "As the system"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

function Theme() {
  const [theme, set] = useState(document.documentElement.dataset.theme);
  const change = (next) => {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
    set(next);
  };
  return html`<${Menu} label=${`Theme: ${THEMES[theme][1]}`} icon=${THEMES[theme][0]}>
    ${Object.entries(THEMES).map(
      ([id, [icon, name]]) => html`<button type="button" key=${id} aria-current=${id === theme ? "true" : undefined} onClick=${() => change(id)}>
        <${Icon} name=${icon} />${name}
      </button>`,
    )}
  <//>`;
}

const SCOPES = { read: "may read", write: "may read and write", admin: "may do everything" };

function Account() {
  const who = useStore(session);
  const leave = () => remove("/api/session").then(() => session.set(null), toastFault);
  return html`<${Menu} label="Account" icon="key">
    <p class="menu-note"><strong>${who.name}</strong><br /><span class="muted">${SCOPES[who.scope]}</span></p>
    ${may("admin") && html`<a href="/keys"><${Icon} name="key" />Keys</a>`}
    <button type="button" onClick=${leave}><${Icon} name="logout" />Log out</button>
  <//>`;
}
