// What of the graph is shown: where it starts, which types, how heavy, drawn or as a table.
import { html } from "../core/lib.js";
import { number, typeName } from "../core/words.js";
import { Button, Segments } from "../ui/controls.js";
import { NamePicker } from "../ui/name-picker.js";

const VIEWS = [
  { value: "", name: "Drawn", icon: "graph" },
  { value: "table", name: "Table", icon: "documents" },
];

export function Bar({ start, begin, whole, types, chosen, weight, heaviest, turn, view, drawable }) {
  const toggle = (type) => turn({ type: (chosen.includes(type) ? chosen.filter((each) => each !== type) : [...chosen, type]).join(" ") });
  return html`<div class="graph-bar">
    <div class="row">
      <${NamePicker} label="Start from a name" value=${start?.name} choose=${begin} />
      ${start && html`<${Button} onClick=${whole}>Whole project<//>`}
      <label class="weight-choice small"><span>Passages, at least <output>${weight ? number(weight) : "–"}</output></span>
        <input type="range" min="1" max=${Math.max(2, heaviest)} value=${weight || 1} onChange=${(event) => turn({ weight: event.target.value })} />
      </label>
      <span class="grow"></span>
      ${drawable && html`<${Segments} label="How it is shown" options=${VIEWS} value=${view} onChange=${(value) => turn({ view: value })} />`}
    </div>
    <div class="types" role="group" aria-label="Types that are shown">
      ${types.map(
        ([type, many]) => html`<button type="button" key=${type} class="type" data-type=${type} aria-pressed=${!chosen.length || chosen.includes(type)} onClick=${() => toggle(type)}>${typeName(type)}<span>${number(many)}</span></button>`,
      )}
    </div>
  </div>`;
}
