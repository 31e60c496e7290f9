// Names: who and what the documents speak of.
import { html } from "../core/lib.js";
import { address, go, useTitle } from "../core/router.js";
import { inProject, project } from "../core/session.js";
import { useStore } from "../core/store.js";
import { number, typeName } from "../core/words.js";
import { SearchBox } from "../ui/controls.js";
import { More, useMore } from "../ui/more.js";
import { Empty, Loaded, TypeTag } from "../ui/shown.js";
import { TypeChoice } from "../ui/types.js";

const SHOWN = 50;

export default function Entities({ query }) {
  useStore(project);
  const { q = "", type = "" } = query;
  const list = useMore("/api/entities", inProject({ q, type, limit: SHOWN }), "entities");
  useTitle("Names");
  const turn = (changes) => go(address("/entities", inProject({ q, type, ...changes })), { replace: true });
  const typed = (text) => text !== q && turn({ q: text });
  return html`
    <div class="page-head"><h1>Names</h1></div>
    <div class="names-filters">
      <${SearchBox} label="Name" placeholder="Name, or a part of one" value=${q} pause=${200} onChange=${typed} />
      <${TypeChoice} value=${type} onChange=${(value) => turn({ type: value })} />
    </div>
    <${Loaded} of=${list} lines=${10}>
      ${() => (list.items.length ? html`<${Rows} entities=${list.items} /><${More} list=${list} />` : html`<${None} q=${q} type=${type} turn=${turn} />`)}
    <//>
  `;
}

function Rows({ entities }) {
  const most = Math.max(...entities.map((each) => each.mentions));
  return html`<table class="entities">
    <caption class="unseen">Names with how often they stand</caption>
    <thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col" class="figure">Mentions</th><th scope="col" class="figure">Documents</th></tr></thead>
    <tbody>
      ${entities.map(
        ({ id, name, type, mentions, documents }) => html`<tr key=${id} data-type=${type}>
          <td class="name"><a href=${`/entities/${id}`}>${name}</a></td>
          <td class="kind"><${TypeTag} type=${type} /></td>
          <td class="figure" data-label="mentions"><span class="often"><meter min="0" max=${most} value=${mentions} aria-hidden="true"></meter>${number(mentions)}</span></td>
          <td class="figure" data-label=${documents === 1 ? "document" : "documents"}>${number(documents)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function None({ q, type, turn }) {
  if (!q && !type) {
    return html`<${Empty} icon="entities" title="No names yet">Who and what documents speak of stands here as soon as the first was read. <a href=${address("/", inProject())}>See the documents</a>.<//>`;
  }
  const what = [q && `No name is like “${q}”`, type && `${q ? "of type" : "No name is of type"} ${typeName(type)}`].filter(Boolean).join(" ");
  return html`<${Empty} icon="entities" title="None of these" action=${html`<button type="button" class="button" onClick=${() => turn({ q: "", type: "" })}>Show all</button>`}>
    ${what}. ${q && html`<a href=${address("/search", inProject({ q }))}>Search the documents for it</a>.`}
  <//>`;
}

