// Saying that two names are one, or that spellings are not.
import { Fault, post } from "../core/api.js";
import { useAsked } from "../core/asked.js";
import { html, useState } from "../core/lib.js";
import { go } from "../core/router.js";
import { inProject } from "../core/session.js";
import { count } from "../core/words.js";
import { Button, SearchBox } from "../ui/controls.js";
import { Dialog } from "../ui/dialog.js";
import { Loaded, TypeTag, Trouble } from "../ui/shown.js";
import { toast } from "../ui/toasts.js";

const CANDIDATES = 12;
const TOGETHER = "It was read as the same name as other spellings here: choose those too.";

/** Choose another name, say why, make them one. */
export function MergeDialog({ entity, onClose, changed }) {
  const [other, choose] = useState(null);
  const [q, setQ] = useState(entity.name);
  const { act, busy, fault } = useAct(onClose);
  const [reason, setReason] = useState("");
  const merge = () =>
    act(async () => {
      const kept = await post(`/api/entities/${entity.id}/merge`, { with: other.id, reason: reason.trim() || undefined });
      toast(`${entity.name} and ${other.name} are one now.`);
      if (kept.id === entity.id) changed();
      else go(`/entities/${kept.id}`);
    });
  const actions = html`<${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" busy=${busy} disabled=${!other} onClick=${merge}>Make them one<//>`;
  return html`<${Dialog} title=${`Who is ${entity.name} also?`} onClose=${onClose} actions=${actions}>
    <div class="stack">
      ${fault && html`<${Trouble} fault=${fault} />`}
      <${SearchBox} label="The other name" value=${q} pause=${200} onChange=${(text) => (setQ(text), choose(null))} autofocus />
      <${Candidates} entity=${entity} q=${q} other=${other} choose=${choose} />
      <${Reason} value=${reason} onInput=${setReason} example="The same person: both sign as harbour master." />
      <p class="muted small">All mentions and relations of both will be those of one. It can be taken back.</p>
    </div>
  <//>`;
}

function Candidates({ entity, q, other, choose }) {
  const found = useAsked("/api/entities", inProject({ q, limit: CANDIDATES }), { key: "candidates" });
  return html`<div class="candidates"><${Loaded} of=${found} lines=${3}>
    ${({ entities }) => {
      const others = entities.filter((each) => each.id !== entity.id);
      return others.length
        ? html`<fieldset><legend class="unseen">Names found</legend>
            ${others.map(
              (each) => html`<label key=${each.id}><input type="radio" name="other" checked=${each.id === other?.id} onChange=${() => choose(each)} />
                <span class="grow">${each.name} <${TypeTag} type=${each.type} /></span><span class="muted small">${count(each.mentions, "mention")}</span></label>`,
            )}
          </fieldset>`
        : html`<p class="muted small">No other name is like this.</p>`;
    }}
  <//></div>`;
}

/** Choose spellings that mean somebody else. */
export function SplitDialog({ entity, onClose, changed }) {
  const [names, setNames] = useState([]);
  const [reason, setReason] = useState("");
  const { act, busy, fault } = useAct(onClose);
  const pick = (name, on) => setNames((old) => (on ? [...old, name] : old.filter((each) => each !== name)));
  const some = names.length > 0 && names.length < entity.aliases.length;
  const split = () =>
    act(async () => {
      const { new_entity: made } = await post(`/api/entities/${entity.id}/split`, { names, reason: reason.trim() || undefined });
      toast(`${made.name} stands by itself now.`);
      changed();
    });
  const actions = html`<${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" busy=${busy} disabled=${!some} onClick=${split}>Split off<//>`;
  return html`<${Dialog} title="Which spellings mean another?" onClose=${onClose} actions=${actions}>
    <div class="stack">
      ${fault && html`<${Trouble} fault=${fault} />`}
      <fieldset class="candidates"><legend class="unseen">Spellings</legend>
        ${entity.aliases.map(
          ({ name, mentions }) => html`<label key=${name}><input type="checkbox" checked=${names.includes(name)} onChange=${(event) => pick(name, event.target.checked)} />
            <span class="grow">${name}</span><span class="muted small">${count(mentions, "mention")}</span></label>`,
        )}
      </fieldset>
      <${Reason} value=${reason} onInput=${setReason} example="Another person of this surname." />
      <p class="muted small">${names.length === entity.aliases.length ? "One spelling at least must stay." : `What is chosen becomes a name of its own. It can be taken back.`}</p>
    </div>
  <//>`;
}

function Reason({ value, onInput, example }) {
  return html`<label class="field"><span>Why <span class="muted">(others see it)</span></span><input maxlength="500" value=${value} placeholder=${example} onInput=${(event) => onInput(event.target.value)} /></label>`;
}

/** Doing something that may fail; the dialog closes when it is done. */
function useAct(onClose) {
  const [state, set] = useState({ busy: false, fault: null });
  const act = async (what) => {
    set({ busy: true, fault: null });
    try {
      await what();
      onClose();
    } catch (fault) {
      set({ busy: false, fault: fault.code === "no_such_name" ? new Fault({ detail: fault.message, advice: TOGETHER }) : fault });
    }
  };
  return { act, ...state };
}
