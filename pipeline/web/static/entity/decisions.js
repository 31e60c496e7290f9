// What people decided about a name, each to be taken back.
import { remove } from "../core/api.js";
import { html } from "../core/lib.js";
import { may } from "../core/session.js";
import { ago, moment } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { confirm } from "../ui/dialog.js";
import { toast, toastFault } from "../ui/toasts.js";
import { Panel } from "./panel.js";

const SAID = { merge: "Made one with", split: "Split off" };

export function Decisions({ entity: { name, decisions }, changed }) {
  const others = ({ kind, names }) => (kind === "merge" ? names.filter((each) => each !== name) : names).join(", ");
  if (!decisions.length) return null;
  const undo = async (decision) => {
    const { id, kind } = decision;
    const text = `${SAID[kind] ?? kind} ${others(decision)}: the names will be as if it had never been said.`;
    if (!(await confirm({ title: "Take this decision back?", text, action: "Take it back" }))) return;
    await remove(`/api/decisions/${id}`).then(() => (toast("Taken back."), changed()), toastFault);
  };
  return html`<${Panel} title="Decided by people">
    <ul class="decisions">
      ${decisions.map(
        (each) => html`<li key=${each.id} class=${each.holds ? "" : "void"}>
          <p><strong>${SAID[each.kind] ?? each.kind}</strong> ${others(each)}</p>
          ${each.reason && html`<p class="muted">“${each.reason}”</p>`}
          <p class="row muted"><span>${each.by}, <time datetime=${each.at} title=${moment(each.at)}>${ago(each.at)}</time>${state(each)}</span>
            ${may("write") && !each.taken_back_at && html`<${Button} small icon="undo" onClick=${() => undo(each)}>Undo<//>`}</p>
        </li>`,
      )}
    </ul>
  <//>`;
}

/** What became of it since. */
function state({ holds, taken_back_at: at, taken_back_by: by }) {
  if (at) return html`; taken back by ${by}, <time datetime=${at} title=${moment(at)}>${ago(at)}</time>`;
  return holds ? "" : "; a later decision says otherwise";
}
