// The same names and relations as tables.
import { html, useState } from "../core/lib.js";
import { count, number, predicateName } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { TypeTag } from "../ui/shown.js";

const FEW = 100;

export function Tables({ part, select, expand, expanded }) {
  const degrees = new Map();
  for (const { source, target } of part.links) for (const id of [source, target]) degrees.set(id, (degrees.get(id) ?? 0) + 1);
  const named = new Map(part.nodes.map((node) => [node.id, node.name]));
  const nodes = [...part.nodes].sort((one, other) => (degrees.get(other.id) ?? 0) - (degrees.get(one.id) ?? 0));
  const links = [...part.links].sort((one, other) => other.weight - one.weight);
  return html`<div class="graph-tables">
    <${Some} caption="Names" heads=${["Name", "Type", "Mentions", "Relations", ""]} rows=${nodes}>
      ${(node) => html`<tr key=${node.id}>
        <th scope="row"><button type="button" class="as-text" onClick=${() => select({ node: node.id })}>${node.name}</button></th>
        <td><${TypeTag} type=${node.type} /></td><td class="figure">${number(node.mentions)}</td><td class="figure">${number(degrees.get(node.id) ?? 0)}</td>
        <td><${Button} small icon="plus" kind="quiet" disabled=${expanded.has(node.id)} label=${`Expand ${node.name}`} onClick=${() => expand(node.id)} /></td>
      </tr>`}
    <//>
    <${Some} caption="Relations" heads=${["One", "", "Other", "Passages"]} rows=${links}>
      ${(link) => html`<tr key=${link.key}>
        <td>${named.get(link.relations[0].subject)}</td><td class="muted">${link.relations.map((each) => predicateName(each.predicate)).join(", ")}</td><td>${named.get(link.relations[0].object)}</td>
        <td class="figure"><button type="button" class="as-text" aria-label=${`${count(link.weight, "passage")}: show them`} onClick=${() => select({ link: link.key })}>${number(link.weight)}</button></td>
      </tr>`}
    <//>
  </div>`;
}

function Some({ caption, heads, rows, children: row }) {
  const [shown, show] = useState(FEW);
  return html`<div class="graph-table" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption>${caption} <span class="muted">${number(rows.length)}</span></caption>
      <thead><tr>${heads.map((head, n) => html`<th key=${n} scope="col">${head || html`<span class="unseen">Do</span>`}</th>`)}</tr></thead>
      <tbody>${rows.slice(0, shown).map(row)}</tbody>
    </table>
    ${shown < rows.length && html`<div class="more"><${Button} small onClick=${() => show(shown + FEW)}>Show more<//></div>`}
  </div>`;
}
