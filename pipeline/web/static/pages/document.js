// A document: its pages as they look and as text, the names in it, what belongs to it, and how it came to be.
import { adviceFor } from "../core/advice.js";
import { useAsked } from "../core/asked.js";
import { useEvents, usePolling } from "../core/events.js";
import { html, useEffect } from "../core/lib.js";
import { address, go, place, useTitle } from "../core/router.js";
import { choose, may } from "../core/session.js";
import { bytes, count, isFinal, number } from "../core/words.js";
import { Attachments, History, Names, language } from "../document/about.js";
import { Pages } from "../document/pages.js";
import { cancel, erase, mayCancel, mayRetry, retry } from "../documents/actions.js";
import { Button, Menu, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icon.js";
import { Empty, Loaded, Stages, State } from "../ui/shown.js";

const PARTS = ["entities", "history"];

export default function Document({ id, query }) {
  const asked = useAsked(`/api/documents/${id}`, { include: PARTS });
  const { data: document } = asked;
  useTitle(document?.filename ?? "Document");
  useEffect(() => {
    if (document) choose(document.project); // links into search and graph stay in its project
  }, [document?.project]);
  useEvents({ again: asked.reload, document: (event) => event.document_id === id && asked.reload() });
  usePolling(asked.reload, document && !isFinal(document.status) && 2500);
  return html`<${Loaded} of=${asked} lines=${12}>${(data) => html`<${Seen} document=${data} query=${query} reload=${asked.reload} />`}<//>`;
}

function Seen({ document, query, reload }) {
  const { document_id: id, entities, history, attachments = [], page_count: pages, status } = document;
  const views = [
    { value: "", name: document.format === "audio" ? "Transcript" : pages > 1 ? "Pages" : "Page", count: pages > 1 ? number(pages) : undefined },
    { value: "names", name: "Names", count: number(entities.length) },
    ...(attachments.length ? [{ value: "attachments", name: "Attachments", count: number(attachments.length) }] : []),
    { value: "history", name: "History" },
  ];
  const view = views.some((each) => each.value === query.view) ? query.view : "";
  const show = (value) => go(address(place.value.path, { ...query, view: value }), { replace: true });
  const chooser = html`<${Segments} label="What is shown" options=${views} value=${view} onChange=${show} />`;
  return html`
    <${Head} document=${document} reload=${reload} />
    <${Fault} document=${document} reload=${reload} />
    ${(view || !pages) && html`<div class="views">${chooser}</div>`}
    ${view === "names" && html`<${Names} entities=${entities} />`}
    ${view === "attachments" && html`<${Attachments} attachments=${attachments} />`}
    ${view === "history" && html`<${History} document=${document} history=${history} />`}
    ${!view && (pages ? html`<${Pages} key=${id} document=${document} query=${query} chooser=${chooser} />` : html`<${NoPages} status=${status} />`)}
  `;
}

function Head({ document, reload }) {
  const { source_path: path, filename, parent, status, stage, page_count: pages } = document;
  const folder = path.slice(0, path.length - filename.length);
  const said = [document.category, document.language && language(document.language), pages > 1 && count(pages, "page"), bytes(document.size)];
  const act = (action) => () => action([document]).then(reload);
  const list = (query) => address("/", { ...query, project: document.project });
  const gone = () => erase([document]).then((done) => done && go(list()));
  return html`<header class="document-head">
    <nav class="crumbs small" aria-label="Where it stands">
      <a href=${list()}>Documents</a>
      ${parent
        ? html`<span aria-hidden="true">/</span><a href=${`/documents/${parent.document_id}`}><${Icon} name="clip" />${parent.source_path.split("/").at(-1)}</a>`
        : folder && html`<span aria-hidden="true">/</span><a href=${list({ q: folder })}>${folder.replace(/\/$/, "")}</a>`}
    </nav>
    <div class="page-head">
      <h1>${filename}</h1>
      <div class="row">
        <${Button} icon="download" href=${`/api/documents/${document.document_id}/file`} download=${filename}>Original<//>
        ${may("write") &&
        html`<${Menu} label="Actions" icon="more" kind="">
          <button type="button" disabled=${!mayRetry(document)} onClick=${act(retry)}><${Icon} name="retry" />Try again</button>
          <button type="button" disabled=${!mayCancel(document)} onClick=${act(cancel)}><${Icon} name="stop" />Cancel</button>
          <button type="button" class="bad" onClick=${gone}><${Icon} name="trash" />Delete</button>
        <//>`}
      </div>
    </div>
    <p class="row small muted">
      <${State} status=${status} stage=${stage} />
      ${!isFinal(status) && html`<${Stages} stage=${stage} status=${status} percentage=${document.progress_percentage} />`}
      <span>${said.filter(Boolean).join(" · ")}</span>
    </p>
  </header>`;
}

/** What went wrong, in words, and what to do. */
function Fault({ document, reload }) {
  const { error, status, waiting_for: waits } = document;
  if (error && status !== "completed") {
    return html`<div class=${`notice ${status === "partial_error" ? "warn" : "trouble"}`}>
      <${Icon} name="warning" />
      <div><strong>${error.message}</strong><p>${adviceFor(error)}</p></div>
      ${may("write") && mayRetry(document) && html`<${Button} small icon="retry" onClick=${() => retry([document]).then(reload)}>Try again<//>`}
    </div>`;
  }
  return waits && !isFinal(status) ? html`<div class="notice warn"><${Icon} name="clock" /><div><strong>It waits.</strong> ${waits}</div></div>` : null;
}

function NoPages({ status }) {
  return isFinal(status)
    ? html`<${Empty} icon="file" title="Nothing to read">No page of this document was read.<//>`
    : html`<${Empty} icon="clock" title="Not read yet">Its pages appear here as soon as they are read.<//>`;
}
