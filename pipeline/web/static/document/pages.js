// The pages of a document, one at a time: picture and text side by side, or what there is of the two.
import { useAsked } from "../core/asked.js";
import { html, useEffect, useMemo, useRef, useState } from "../core/lib.js";
import { address, go, place } from "../core/router.js";
import { useStore } from "../core/store.js";
import { number } from "../core/words.js";
import { Button, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icon.js";
import { Loaded, TypeTag } from "../ui/shown.js";
import { Attachments } from "./about.js";
import { Reading } from "./reading.js";
import { reveal } from "./reveal.js";
import { Recording } from "./recording.js";
import { Sheet } from "./sheet.js";
import { Thumbs } from "./thumbs.js";
import { Types, hidden } from "./types.js";

const PICTURED = ["pdf", "image"];
const SIDES = [
  { value: "picture", name: "Picture", icon: "image" },
  { value: "text", name: "Text", icon: "file" },
];

/** `chooser` stands in one line with what turns pages. */
export function Pages({ document, query, chooser }) {
  const { document_id: id, page_count: pages } = document;
  const hit = useMemo(() => (query.end ? { start: Number(query.start), end: Number(query.end) } : null), [query.start, query.end]);
  const found = useAsked(hit && `/api/documents/${id}/boxes`, hit ?? {}, { key: JSON.stringify(hit) });
  const number = within(Number(query.page) || found.data?.page || 1, pages);
  const known = Boolean(query.page) || !hit || Boolean(found.data ?? found.fault);
  const page = useAsked(known ? `/api/documents/${id}/pages/${number}` : null, {}, { key: id });
  const turn = (to) => go(address(place.value.path, { ...query, page: within(to, pages) }), { replace: true });
  const [side, setSide] = useState("picture");
  const pictured = PICTURED.includes(document.format);
  useArrows(number, turn);
  return html`<div class="pages-view">
    <div class="views">
      ${chooser}${pages > 1 && html`<${Turner} number=${number} pages=${pages} turn=${turn} hit=${hit && found.data?.page} />`}
      ${pictured && html`<div class="side"><${Segments} label="Show" value=${side} onChange=${setSide} options=${SIDES} /></div>`}
    </div>
    <${Loaded} of=${page} lines=${14}>${(data) => html`<${Page} document=${document} page=${data} current=${number} hit=${hit} found=${found.data} turn=${turn} side=${side} />`}<//>
  </div>`;
}

function Page({ document, page, current, hit, found, turn, side }) {
  const [lit, point] = useState(null);
  const off = useStore(hidden);
  const mentions = useMemo(() => page.mentions.filter((mention) => !off.includes(mention.type)), [page, off]);
  const text = useRef();
  const common = { page, mentions, hit, lit, point };
  useEffect(() => {
    if (hit) reveal(text.current, text.current?.querySelector(".hit"));
  }, [page.number, hit]);
  const words = html`<section class="words" ref=${text} aria-label=${`Text of page ${page.number}`} aria-busy=${page.number !== current}>
    <${Types} mentions=${page.mentions} off=${off} />
    ${page.segments.length
      ? html`<${Recording} id=${document.document_id} seconds=${found?.seconds ?? null} ...${common} />`
      : page.text.trim()
        ? html`<${Reading} ...${common} />`
        : html`<p class="muted">There is no text on this page.</p>`}
    <${Doubt} page=${page} />
  </section>`;
  if (!page.image) return html`<div class="alone">${words}<${Beside} document=${document} /></div>`;
  const hits = (found?.boxes ?? []).filter((each) => each.page === page.number).map((each) => each.box);
  return html`
    <div class="both" data-side=${side}>
      ${document.page_count > 1 && html`<${Thumbs} id=${document.document_id} pages=${document.page_count} current=${current} turn=${turn} />`}
      <${Sheet} id=${document.document_id} page=${page} mentions=${mentions} hits=${hits} lit=${lit} point=${point} />
      ${words}
    </div>
  `;
}

const MOST = 15;

/** Where there is no picture: what belongs to the document, and whom it names most. */
function Beside({ document: { attachments, entities } }) {
  if (!attachments.length && !entities.length) return null;
  return html`<aside class="beside" aria-label="In this document">
    ${attachments.length > 0 && html`<section><h2>Attachments</h2><${Attachments} attachments=${attachments} /></section>`}
    ${entities.length > 0 &&
    html`<section>
      <h2>Named most</h2>
      <ul>
        ${entities.slice(0, MOST).map((each) => html`<li key=${each.id}><${TypeTag} type=${each.type} /><a class="grow" href=${`/entities/${each.id}`}>${each.name}</a><span class="muted">${number(each.mentions)}</span></li>`)}
      </ul>
    </section>`}
  </aside>`;
}

/** A page that was hard to read is not to be trusted word by word. */
function Doubt({ page }) {
  if (page.source === "text" || page.confidence >= 0.8) return null;
  const how = page.source === "speech" ? "hear" : "read";
  return html`<p class="doubt small muted"><${Icon} name="warning" />Hard to ${how}: ${Math.round(page.confidence * 100)} % sure. Compare it with the original.</p>`;
}

function Turner({ number: current, pages, turn, hit }) {
  const typed = (event) => {
    event.preventDefault();
    turn(Number(new FormData(event.target).get("page")));
  };
  return html`<form class="turner" onSubmit=${typed} aria-label="Turn pages">
    <${Button} icon="left" small label="Page before (left arrow)" disabled=${current <= 1} onClick=${() => turn(current - 1)} />
    <label><span class="word">Page </span><input name="page" inputmode="numeric" pattern="[0-9]*" value=${current} size=${String(pages).length + 1} onFocus=${(event) => event.target.select()} onBlur=${(event) => turn(Number(event.target.value))} /> of ${number(pages)}</label>
    <${Button} icon="right" small label="Next page (right arrow)" disabled=${current >= pages} onClick=${() => turn(current + 1)} />
    ${hit && hit !== current && html`<${Button} small icon="search" onClick=${() => turn(hit)}>To the passage<//>`}
  </form>`;
}

const within = (page, pages) => Math.min(Math.max(1, Math.floor(page) || 1), Math.max(1, pages));

/** Left and right arrow turn the page, unless somebody types, listens or scrolls sideways. */
function useArrows(number, turn) {
  useEffect(() => {
    const keys = (event) => {
      if (event.target.closest("input, textarea, select, audio, dialog, .menu") || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const pane = event.target.closest(".sheet-scroll");
      if (pane && pane.scrollWidth > pane.clientWidth) return;
      if (event.key === "ArrowLeft") turn(number - 1);
      if (event.key === "ArrowRight") turn(number + 1);
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  });
}
