// Documents: put them in, watch them go through, see what failed and why.
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { useAsked } from "../core/asked.js";
import { live, useEvents, usePolling } from "../core/events.js";
import { address, go, place, useTitle } from "../core/router.js";
import { inProject, may, project } from "../core/session.js";
import { useStore } from "../core/store.js";
import { STAGE_OF, count, isFinal, number, stateOf } from "../core/words.js";
import { Drop, Uploading } from "../documents/drop.js";
import { Picked, Rows } from "../documents/rows.js";
import { uploads } from "../documents/uploads.js";
import { Pager, SearchBox, Segments } from "../ui/controls.js";
import { Empty, Loaded } from "../ui/shown.js";

const SHOWN = 50;
const QUICK = 2500; // while something moves
const CALM = 15000;
const SOON = 1000; // after an event; more that come meanwhile are one
const FILTERS = [
  { value: "", name: "All", kinds: ["waiting", "running", "done", "partly", "failed", "cancelled"] },
  { value: "in_progress", name: "In progress", kinds: ["waiting", "running"] },
  { value: "completed", name: "Completed", kinds: ["done"] },
  { value: "failed", name: "Failed", kinds: ["partly", "failed"] },
  { value: "cancelled", name: "Cancelled", kinds: ["cancelled"] },
];

export default function Documents({ query }) {
  const chosen = useStore(project);
  const { status = "", q = "", cursor = "" } = query;
  const { before = [] } = useStore(place).state;
  const asked = { ...inProject(), status, q, limit: SHOWN, cursor };
  const list = useAsked("/api/documents", asked, { key: JSON.stringify(asked) });
  const totals = useAsked("/api/project", inProject(), { key: chosen });
  const [picked, setPicked] = useState(new Set());
  useTitle("Documents");
  useFresh(list, totals);
  useEffect(() => setPicked(new Set()), [JSON.stringify(asked)]);

  const turn = (changes, state) => go(address("/", inProject({ status, q, ...changes })), { state });
  const pick = (ids, on) => setPicked((old) => new Set(on ? [...old, ...ids] : [...old].filter((id) => !ids.includes(id))));
  const changed = () => Promise.all([list.reload(), totals.reload()]);
  const counts = countsOf(totals);
  const selected = list.data?.documents.filter((d) => picked.has(d.document_id)) ?? [];
  const blank = list.data && !list.data.documents.length && !status && !q && !cursor;

  return html`
    <div class="page-head">
      <h1>Documents</h1>
      <p class="muted" aria-live="polite">${summary(totals.data)}</p>
    </div>
    ${may("write") && html`<${Drop} large=${blank} />`}
    <${Uploading} />
    ${blank
      ? !may("write") && html`<${Empty} icon="documents" title="No documents yet">This key may read alone: somebody with a key that may write puts them in.<//>`
      : html`
          <div class="filters">
            <${Segments} label="State" value=${status} onChange=${(value) => turn({ status: value })}
              options=${FILTERS.map(({ value, name, kinds }) => ({ value, name, count: counts && number(kinds.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0)) }))} />
            <${SearchBox} label="Text in the path" placeholder="Folder or file name" value=${q} onChange=${(text) => text !== q && turn({ q: text })} />
          </div>
          ${selected.length > 0 && html`<${Picked} documents=${selected} clear=${() => setPicked(new Set())} changed=${changed} />`}
          <${Loaded} of=${list} lines=${8} tall>
            ${({ documents, next_cursor: next }) =>
              documents.length
                ? html`<${Rows} documents=${documents} picked=${picked} pick=${pick} changed=${changed} />
                    <${Pager} cursor=${cursor} before=${before} next=${next} shown=${cursor ? `Part ${before.length + 1}` : ""}
                      turn=${(to) => turn({ cursor: to.cursor }, { before: to.before })} />`
                : html`<${Empty} icon="filter" title="None of these">${q ? `No path has “${q}” in it.` : "No document is in this state."} <a href=${address("/", inProject())}>Show all</a><//>`}
          <//>
        `}
  `;
}

/** Keeps the list as it is on the server: by events, or by asking. */
function useFresh(list, totals) {
  const timer = useRef(0);
  const streaming = useStore(live);
  const sent = useStore(uploads).done;
  const shown = useRef(null);
  shown.current = { list, totals }; // what is shown when the time has come, not when it was set
  const anew = () => {
    timer.current ||= setTimeout(() => {
      timer.current = 0;
      shown.current.list.reload();
      if (!live.value) shown.current.totals.reload(); // else an event brings them
    }, SOON);
  };
  useEffect(() => {
    if (sent) anew();
  }, [sent]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEvents({
    again: anew,
    project: (data) => totals.change(() => data),
    document: (event) => {
      const known = list.data?.documents.some((d) => d.document_id === event.document_id);
      if (known) list.change((data) => ({ ...data, documents: data.documents.map((d) => moved(d, event)) }));
      if (!known || isFinal(event.status)) anew();
    },
  });
  const moving = list.data?.documents.some((d) => !isFinal(d.status));
  usePolling(anew, !streaming && (moving ? QUICK : CALM));
}

/** A document after an event. */
function moved(document, event) {
  if (document.document_id !== event.document_id) return document;
  const { status, progress_percentage, updated_at, step } = event;
  return { ...document, status, progress_percentage, updated_at, stage: STAGE_OF[step] ?? document.stage };
}

/** How many documents are of each kind. */
function countsOf({ data, fault }) {
  if (!data) return fault?.status === 404 ? {} : null;
  const counts = {};
  for (const { status, documents } of data.states) {
    const { kind } = stateOf(status);
    counts[kind] = (counts[kind] ?? 0) + documents;
  }
  return counts;
}

function summary(held) {
  if (!held) return " ";
  return `${count(held.documents, "document")} · ${count(held.pages, "page")} · ${count(held.entities, "name")} found`;
}
