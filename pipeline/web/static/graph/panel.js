// What is told beside the graph: of a name, of a relation, of a way from one to another.
import { html } from "../core/lib.js";
import { count, number, predicateName } from "../core/words.js";
import { Evidence } from "../entity/relations.js";
import { Button } from "../ui/controls.js";
import { Icon } from "../ui/icon.js";
import { TypeTag } from "../ui/shown.js";
import { around } from "./model.js";

const FEW = 40;

export function Node({ node, part, select, expand, expanded, busy, close, way }) {
  const related = around(node.id, part);
  return html`<section class="panel" data-type=${node.type}>
    <header><h2><a href=${`/entities/${node.id}`}>${node.name}</a></h2><${Button} icon="close" small kind="quiet" label="Let go" onClick=${close} /></header>
    <p class="row small muted"><${TypeTag} type=${node.type} />${count(node.mentions, "mention")} in ${count(node.documents, "document")}</p>
    <div class="row">
      <${Button} small icon="plus" busy=${busy} disabled=${expanded} onClick=${() => expand(node.id)}>${expanded ? "Expanded" : "Expand"}<//>
      <${Button} small icon="graph" onClick=${() => way(node)}>Way to …<//>
    </div>
    ${related.length > 0 &&
    html`<h3>Related to</h3>
      <ul class="related">
        ${related.slice(0, FEW).map(
          ({ link, node: other }) => html`<li key=${link.key}>
            <button type="button" class="grow" onClick=${() => select({ node: other.id })}><span class="dot" data-type=${other.type}></span><span class="clip">${other.name}</span></button>
            <button type="button" class="muted" aria-label=${`${count(link.weight, "passage")} with ${other.name}`} onClick=${() => select({ link: link.key })}>${number(link.weight)}</button>
          </li>`,
        )}
      </ul>
      ${related.length > FEW && html`<p class="small muted">and ${number(related.length - FEW)} more</p>`}`}
  </section>`;
}

/** A pair that is related, with the passages that say so. */
export function Link({ link, part, select, close }) {
  const [one, other] = [link.source, link.target].map((id) => part.nodes.find((node) => node.id === id));
  const named = (id) => (id === one.id ? one : other).name;
  return html`<section class="panel">
    <header>
      <h2><${Pointed} node=${one} select=${select} /> and <${Pointed} node=${other} select=${select} /></h2>
      <${Button} icon="close" small kind="quiet" label="Let go" onClick=${close} />
    </header>
    ${link.relations.map(
      ({ subject, predicate, object, weight }) => html`<div key=${`${link.key} ${subject} ${predicate}`}>
        <p class="small muted">${predicate === "CO_OCCURS_WITH" ? "Appear together" : `${named(subject)} ${predicateName(predicate)} ${named(object)}`}: ${count(weight, "passage")}</p>
        <${Evidence} subject=${subject} object=${object} predicate=${predicate} names=${[one.name, other.name]} />
      </div>`,
    )}
  </section>`;
}

function Pointed({ node, select }) {
  return html`<button type="button" class="as-text" onClick=${() => select({ node: node.id })}>${node.name}</button>`;
}

/** The way from one to another, name by name. */
export function Way({ path, part, select, close }) {
  const named = new Map(part.nodes.map((node) => [node.id, node]));
  const links = new Map(part.links.map((link) => [link.key, link]));
  const steps = path.map((id, n) => {
    const before = path[n - 1];
    return { node: named.get(id), link: before && (links.get(`${before} ${id}`) ?? links.get(`${id} ${before}`)) };
  });
  if (steps.some(({ node }) => !node)) return null;
  return html`<section class="panel">
    <header><h2>${path.length === 2 ? "They are related" : `${count(path.length - 2, "name")} between`}</h2><${Button} icon="close" small kind="quiet" label="Forget the way" onClick=${close} /></header>
    <ol class="way">
      ${steps.map(
        ({ node, link }) => html`<li key=${node.id}>
          ${link && html`<button type="button" class="step small" onClick=${() => select({ link: link.key })}><${Icon} name="down" />${count(link.weight, "passage")}</button>`}
          <button type="button" class="as-text" onClick=${() => select({ node: node.id })}><${TypeTag} type=${node.type}>${node.name}<//></button>
        </li>`,
      )}
    </ol>
  </section>`;
}

/** Nothing is selected: what is shown, and what can be done. */
export function Hints({ part, all, more, grow, limit }) {
  return html`<section class="panel">
    <header><h2>${count(part.nodes.length, "name")}, ${count(part.links.length, "relation")}</h2></header>
    <p class="small muted">Select a name to see whom it is related to; select it again to show what surrounds it. Select a line for the passages that say so.</p>
    ${part.left > 0 && html`<p class="small muted">${count(part.left, "weaker relation")} between them ${part.left === 1 ? "is" : "are"} left out, so that the others can be seen.</p><${Button} small onClick=${all}>Show them all<//>`}
    ${more && html`<p class="small muted">There are more names than these.</p><${Button} small onClick=${grow}>Show up to ${number(limit)} names<//>`}
  </section>`;
}
