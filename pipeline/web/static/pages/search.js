// Search: one box, passages with where they stand, facets.
import { useAsked } from "../core/asked.js";
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { address, go, useTitle } from "../core/router.js";
import { inProject, project } from "../core/session.js";
import { useStore } from "../core/store.js";
import { number } from "../core/words.js";
import { Chosen, Facets } from "../search/facets.js";
import { Begin, Nothing } from "../search/none.js";
import { Result } from "../search/result.js";
import { Button, SearchBox } from "../ui/controls.js";
import { Loaded } from "../ui/shown.js";

const SHOWN = 10;
const FILTERS = "type entity document format from to".split(" ");

export default function Search({ query }) {
  const chosenProject = useStore(project);
  const [open, setOpen] = useState(false);
  const { q = "" } = query;
  const offset = Math.max(0, Number(query.offset) || 0);
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, query[name]]).filter(([, value]) => value));
  const found = useAsked(q ? "/api/search" : null, inProject({ q, ...chosen, limit: SHOWN, offset }), { key: `${chosenProject}/${q}` });
  const box = useRef();
  useTitle(q ? `${q} – search` : "Search");
  useEffect(() => {
    if (!q) box.current?.querySelector("input").focus();
  }, []);
  const turn = (changes, options) => go(address("/search", inProject({ q, ...chosen, ...changes })), options);
  const typed = (text) => text !== q && turn({ q: text }, { replace: Boolean(q) });
  const page = (to) => (turn({ offset: to || "" }), window.scrollTo(0, 0));

  return html`
    <h1 class="unseen">Search</h1>
    <div class="search-head" ref=${box}>
      <${SearchBox} label="Search" placeholder="Words, a name or a question" value=${q} pause=${450} onChange=${typed} />
      ${q && html`<${Button} icon="filter" label="Filters" aria-expanded=${open} aria-controls="facets" onClick=${() => setOpen(!open)}>Filters<//>`}
    </div>
    ${!q
      ? html`<${Begin} />`
      : html`<div class=${`search ${open ? "filtering" : ""}`}>
          <aside id="facets" aria-label="Filters"><${Facets} facets=${found.data?.facets} chosen=${chosen} turn=${turn} /></aside>
          <section aria-label="Results" aria-busy=${found.loading}>
            <${Chosen} facets=${found.data?.facets} chosen=${chosen} turn=${turn} />
            <${Loaded} of=${found} lines=${5} tall>
              ${({ results, more }) => html`
                <p class="unseen" role="status">${said(results, offset)}</p>
                ${results.length > 0 && !results.some((each) => each.highlights.length) && html`<p class="small muted near">No passage has these words. These may mean what you look for.</p>`}
                ${results.length
                  ? html`<ol class="results" start=${offset + 1}>${results.map((result) => html`<${Result} key=${result.chunk_id} result=${result} />`)}</ol>`
                  : html`<${Nothing} q=${q} chosen=${chosen} offset=${offset} turn=${turn} />`}
                ${(offset > 0 || more) &&
                html`<nav class="pager" aria-label="Parts of the results">
                  <${Button} icon="left" disabled=${!offset} onClick=${() => page(Math.max(0, offset - SHOWN))}>Before<//>
                  <span class="muted">${results.length > 0 && `${number(offset + 1)}–${number(offset + results.length)}`}</span>
                  <${Button} disabled=${!more} onClick=${() => page(offset + SHOWN)}>Further<//>
                </nav>`}
              `}
            <//>
          </section>
        </div>`}
  `;
}

function said(results, offset) {
  if (!results.length) return "No passages found.";
  return `Passages ${offset + 1} to ${offset + results.length}.`;
}
