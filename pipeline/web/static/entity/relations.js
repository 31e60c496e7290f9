// With whom a name appears, with the passages that say so; the documents that name it.
import { html, useState } from "../core/lib.js";
import { count, number, predicateName } from "../core/words.js";
import { Icon } from "../ui/icon.js";
import { More, useMore } from "../ui/more.js";
import { Passage, Path, placeOf } from "../ui/passage.js";
import { Loaded, TypeTag } from "../ui/shown.js";
import { Panel } from "./panel.js";

const FEW = 10;
const PASSAGES = 10;

export function Relations({ entity }) {
  const { neighbours } = entity;
  const [all, setAll] = useState(false);
  const shown = all ? neighbours : neighbours.slice(0, FEW);
  return html`<${Panel} title="Appears with">
    ${neighbours.length
      ? html`<ul class="relations">${shown.map((each) => html`<${Relation} key=${`${each.id} ${each.predicate}`} of=${entity} to=${each} />`)}</ul>`
      : html`<p class="muted small">No other name stands in the same passages.</p>`}
    ${shown.length < neighbours.length && html`<button type="button" class="button small quiet" onClick=${() => setAll(true)}>Show ${number(neighbours.length - shown.length)} more</button>`}
  <//>`;
}

function Relation({ of, to }) {
  const [open, setOpen] = useState(false);
  const said = to.predicate === "CO_OCCURS_WITH" ? "" : predicateName(to.predicate);
  return html`<li>
    <div class="relation">
      <button type="button" class="fold" aria-expanded=${open} aria-label=${`Passages with ${to.name}`} onClick=${() => setOpen(!open)}><${Icon} name=${open ? "down" : "right"} /></button>
      <span class="grow"><a href=${`/entities/${to.id}`}>${to.name}</a> <${TypeTag} type=${to.type} /> ${said && html`<span class="muted small">${said}</span>`}</span>
      <button type="button" class="weight small muted" tabindex="-1" aria-hidden="true" onClick=${() => setOpen(!open)}>${count(to.weight, "passage")}</button>
    </div>
    ${open && html`<${Evidence} subject=${of.id} object=${to.id} predicate=${to.predicate} names=${[...of.aliases.map((each) => each.name), to.name]} />`}
  </li>`;
}

/** The passages that relate two entities; `names` of both are lit in them. */
export function Evidence({ subject, object, predicate, names }) {
  const list = useMore("/api/relations", { subject, object, predicate, limit: PASSAGES }, "evidence");
  return html`<div class="evidence">
    <${Loaded} of=${list} lines=${3}>
      ${() =>
        list.items.length
          ? html`<ul>${list.items.map((each, n) => html`<li key=${n}><${Passage} passage=${each} names=${names} /></li>`)}</ul><${More} list=${list}>More passages<//>`
          : html`<p class="muted small">The passages are gone with their documents.</p>`}
    <//>
  </div>`;
}

export function Documents({ entity: { in_documents: documents, documents: total } }) {
  const [all, setAll] = useState(false);
  const shown = all ? documents : documents.slice(0, FEW);
  return html`<${Panel} title="In documents" note=${number(total)}>
    <ul class="in-documents">
      ${shown.map(
        ({ document_id: id, source_path: path, mentions }) => html`<li key=${id}><a href=${placeOf(id)}><${Path} path=${path} /></a><span class="muted" title=${count(mentions, "mention")}>${number(mentions)}</span></li>`,
      )}
    </ul>
    ${shown.length < documents.length && html`<button type="button" class="button small quiet" onClick=${() => setAll(true)}>Show ${number(documents.length - shown.length)} more</button>`}
    ${all && documents.length < total && html`<p class="muted small">${number(documents.length)} of ${number(total)} are shown, those that name it most.</p>`}
  <//>`;
}
