// A name: its spellings, where and when it stands, with whom, and why it is one.
import { useAsked } from "../core/asked.js";
import { html, useEffect, useState } from "../core/lib.js";
import { address, go, useTitle } from "../core/router.js";
import { choose, inProject, may } from "../core/session.js";
import { count } from "../core/words.js";
import { Decisions } from "../entity/decisions.js";
import { MergeDialog, SplitDialog } from "../entity/dialogs.js";
import { Mentions } from "../entity/mentions.js";
import { Names, Reasons } from "../entity/names.js";
import { Documents, Relations } from "../entity/relations.js";
import { Timeline } from "../entity/timeline.js";
import { Button } from "../ui/controls.js";
import { Loaded, TypeTag } from "../ui/shown.js";

const NEIGHBOURS = 30;

export default function EntityPage({ id }) {
  const asked = useAsked(`/api/entities/${id}`, { neighbours: NEIGHBOURS }, { key: id });
  const { data: entity } = asked;
  useTitle(entity?.name ?? "Name");
  useEffect(() => {
    if (!entity) return;
    choose(entity.project);
    if (entity.id !== id) go(`/entities/${entity.id}`, { replace: true }); // it was merged into another
  }, [entity]);
  return html`<${Loaded} of=${asked} lines=${12}>${(data) => html`<${Seen} key=${data.id} entity=${data} changed=${asked.reload} />`}<//>`;
}

function Seen({ entity, changed }) {
  return html`
    <${Head} entity=${entity} changed=${changed} />
    <div class="entity">
      <div class="stack">
        <${Timeline} entity=${entity} />
        <${Relations} entity=${entity} />
        <${Mentions} entity=${entity} />
      </div>
      <aside class="stack" aria-label="Spellings and documents">
        <${Names} entity=${entity} />
        <${Documents} entity=${entity} />
        <${Reasons} entity=${entity} />
        <${Decisions} entity=${entity} changed=${changed} />
      </aside>
    </div>
  `;
}

function Head({ entity, changed }) {
  const [asking, ask] = useState("");
  const { id, name, type, mentions, documents, aliases } = entity;
  const close = () => ask("");
  return html`<header class="entity-head" data-type=${type}>
    <nav class="crumbs small" aria-label="Where it stands"><a href=${address("/entities", inProject())}>Names</a></nav>
    <div class="page-head">
      <h1>${name}</h1>
      <div class="row">
        <${Button} icon="graph" href=${address("/graph", inProject({ entity: id }))}>Graph<//>
        <${Button} icon="search" href=${address("/search", inProject({ q: name, entity: id }))}>Search<//>
        ${may("write") && html`<${Button} icon="link" onClick=${() => ask("merge")}>Merge<//>`}
        ${may("write") && aliases.length > 1 && html`<${Button} icon="split" onClick=${() => ask("split")}>Split<//>`}
      </div>
    </div>
    <p class="row small muted"><${TypeTag} type=${type} /><span>${count(mentions, "mention")} in ${count(documents, "document")}</span></p>
    ${asking === "merge" && html`<${MergeDialog} entity=${entity} onClose=${close} changed=${changed} />`}
    ${asking === "split" && html`<${SplitDialog} entity=${entity} onClose=${close} changed=${changed} />`}
  </header>`;
}
