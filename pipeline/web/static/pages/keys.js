// Keys: who may do what; made and revoked.
import { post, remove } from "../core/api.js";
import { useAsked } from "../core/asked.js";
import { html, useState } from "../core/lib.js";
import { useTitle } from "../core/router.js";
import { may, projects, session } from "../core/session.js";
import { useStore } from "../core/store.js";
import { ago, moment } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { Dialog, confirm } from "../ui/dialog.js";
import { Empty, Loaded, Trouble } from "../ui/shown.js";
import { toast, toastFault } from "../ui/toasts.js";

const SCOPES = { read: "Read", write: "Read and write", admin: "Everything" };

export default function Keys() {
  const allowed = may("admin");
  const asked = useAsked(allowed ? "/api/keys" : null);
  const [making, make] = useState(false);
  useTitle("Keys");
  if (!allowed) return html`<${Empty} icon="key" title="For administrators">Keys are made and revoked by who may do everything.<//>`;
  return html`
    <div class="page-head"><h1>Keys</h1><${Button} kind="primary" icon="plus" onClick=${() => make(true)}>New key<//></div>
    <${Loaded} of=${asked} lines=${5}>
      ${({ keys }) => html`<div class="card scroll-x" tabindex="0" role="region" aria-label="Keys"><table class="plain keys">
        <thead><tr><th scope="col">Name</th><th scope="col">May</th><th scope="col">Project</th><th scope="col">Made</th><th scope="col">Last used</th><th scope="col"><span class="unseen">Revoke</span></th></tr></thead>
        <tbody>${[...keys].reverse().map((key) => html`<${Key} key=${key.id} of=${key} changed=${asked.reload} />`)}</tbody>
      </table></div>`}
    <//>
    ${making && html`<${NewKey} onClose=${() => make(false)} changed=${asked.reload} />`}
  `;
}

function Key({ of: { id, name, scope, project, created_at: made, last_used_at: used, revoked_at: revoked }, changed }) {
  const revoke = async () => {
    const text = `Whoever uses ${name} is refused from now on, and is logged out. This cannot be undone.`;
    if (!(await confirm({ title: `Revoke ${name}?`, text, action: "Revoke", danger: true }))) return;
    await remove(`/api/keys/${id}`).then(() => (toast(`${name} is revoked.`), changed()), toastFault);
  };
  const time = (when) => html`<time datetime=${when} title=${moment(when)}>${ago(when)}</time>`;
  return html`<tr class=${revoked ? "muted" : ""}>
    <th scope="row">${name}</th><td>${SCOPES[scope]}</td><td>${project ?? "all"}</td><td>${time(made)}</td><td>${used ? time(used) : "never"}</td>
    <td class="figure">${revoked ? html`revoked ${time(revoked)}` : html`<${Button} small onClick=${revoke}>Revoke<//>`}</td>
  </tr>`;
}

/** Make a key, and show it this once. */
function NewKey({ onClose, changed }) {
  const known = useStore(projects);
  const [made, setMade] = useState(null);
  const [fault, setFault] = useState(null);
  const own = session.value.project;
  const submitted = async (event) => {
    event.preventDefault();
    const { name, scope, project } = Object.fromEntries(new FormData(event.target));
    await post("/api/keys", { name: name.trim(), scope, project: project || null }).then((key) => (setMade(key), changed()), setFault);
  };
  const done = made && html`<${Button} kind="primary" onClick=${onClose}>Done<//>`;
  return html`<${Dialog} title=${made ? `Key ${made.name}` : "New key"} onClose=${onClose} actions=${done}>
    ${made ? html`<${Made} made=${made} />` : html`<form class="stack" onSubmit=${submitted}>
      ${fault && html`<${Trouble} fault=${fault} />`}
      <label class="field"><span>Name</span><input name="name" required maxlength="100" pattern=".*\\S.*" autocomplete="off" placeholder="Who or what uses it" autofocus /></label>
      <label class="field"><span>May</span><select name="scope">${Object.entries(SCOPES).map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}</select></label>
      <label class="field"><span>Project</span><select name="project">${!own && html`<option value="">All</option>`}${(own ? [{ name: own }] : known).map(({ name }) => html`<option key=${name}>${name}</option>`)}</select></label>
      <div class="row end"><${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit">Make it<//></div>
    </form>`}
  <//>`;
}

function Made({ made }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made.key);
      toast("Copied.");
    } catch {
      toast("This browser does not let it be copied: select it and copy it yourself.", "bad");
    }
  };
  return html`<div class="stack">
    <p>Keep it now: it cannot be shown a second time.</p>
    <div class="row made-key"><code class="grow">${made.key}</code><${Button} onClick=${copy}>Copy<//></div>
  </div>`;
}
