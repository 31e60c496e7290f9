// What the results can be narrowed to.
import { html } from "../core/lib.js";
import { number, typeName } from "../core/words.js";
import { Icon } from "../ui/icon.js";

const FORMATS = { pdf: "PDF", image: "Picture", audio: "Recording", email: "E-mail", office: "Office document", html: "Web page", text: "Text" };
const FEW = 8;

const ENDS = { from: "From", to: "To" };

/** Each facet as {name, title, options: [{value, name, count, type?}]}. */
function groupsOf(facets) {
  const { formats = [], types = [], entities = [], documents = [] } = facets ?? {};
  return [
    { name: "format", title: "Format", options: formats.map((each) => ({ ...each, name: FORMATS[each.value] ?? each.value })) },
    { name: "type", title: "Names of type", options: types.map((each) => ({ ...each, name: typeName(each.value), type: each.value })) },
    { name: "entity", title: "Names", options: entities.map((each) => ({ ...each, value: each.id })) },
    { name: "document", title: "Document", options: documents.map((each) => ({ ...each, value: each.document_id, name: each.source_path.split("/").at(-1), hint: each.source_path })) },
  ];
}

/** `turn(changes)` goes to the same search with these parameters changed. */
export function Facets({ facets, chosen, turn }) {
  return html`
    ${groupsOf(facets).map(({ name, title, options }) => options.length > 0 && html`<${Facet} key=${name} name=${name} title=${title} options=${options} value=${chosen[name]} turn=${turn} />`)}
    <${Dates} chosen=${chosen} turn=${turn} />
  `;
}

function Facet({ name, title, options, value, turn }) {
  const shown = options.slice(0, FEW);
  return html`<section class="facet">
    <h2>${title}</h2>
    <ul>
      ${shown.map((option) => {
        const on = option.value === value;
        return html`<li key=${option.value}>
          <button type="button" aria-pressed=${on} title=${option.hint} onClick=${() => turn({ [name]: on ? "" : option.value })}>
            <span class="dot" data-type=${option.type}></span><span class="clip">${option.name}</span><span class="muted">${number(option.count)}</span>
          </button>
        </li>`;
      })}
    </ul>
  </section>`;
}

function Dates({ chosen, turn }) {
  const field = (name, said) => html`<label class="field" key=${name}><span>${said}</span>
    <input type="date" defaultValue=${chosen[name] ?? ""} max="9999-12-31" onChange=${(event) => event.target.validity.valid && turn({ [name]: event.target.value })} /></label>`;
  return html`<section class="facet dates"><h2>Dates that are named</h2>${Object.entries(ENDS).map(([name, said]) => field(name, said))}</section>`;
}

/** What is narrowed to, each to be taken back. */
export function Chosen({ facets, chosen, turn }) {
  const groups = groupsOf(facets);
  const said = ([name, value]) => {
    if (ENDS[name]) return `${ENDS[name]} ${value}`;
    const group = groups.find((each) => each.name === name);
    const option = group.options.find((each) => each.value === value);
    return option?.name ?? (name === "type" ? typeName(value) : name === "format" ? (FORMATS[value] ?? value) : group.title);
  };
  const names = Object.entries(chosen);
  if (!names.length) return null;
  return html`<div class="chosen row" role="group" aria-label="Narrowed to">
    ${names.map(
      (each) => html`<button type="button" key=${each[0]} class="button small" aria-label=${`Take back: ${said(each)}`} onClick=${() => turn({ [each[0]]: "" })}>
        <span class="clip">${said(each)}</span><${Icon} name="close" />
      </button>`,
    )}
  </div>`;
}
