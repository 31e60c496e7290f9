// A page as picture, with boxes on it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../core/lib.js";
import { address } from "../core/router.js";
import { Button } from "../ui/controls.js";
import { Skeleton } from "../ui/shown.js";
import { reveal } from "./reveal.js";

const STEPS = [0.5, 0.75, 1, 1.5, 2, 3, 4];
const TRIES = 2; // more, while the server draws too many pages
const AGAIN = 2000;
const WIDTHS = [400, 800, 1200, 1600, 2400];

export const imageOf = (id, page, width) => address(`/api/documents/${id}/pages/${page}/image`, { width });

/** `hits`: boxes of what was looked for; `lit` and `point` as in the text. */
export function Sheet({ id, page, mentions, hits, lit, point }) {
  const pane = useRef();
  const [zoom, setZoom] = useState(1);
  const width = useWidth(pane);
  const step = (by) => setZoom(STEPS[Math.max(0, Math.min(STEPS.length - 1, STEPS.indexOf(zoom) + by))]);
  useHitInSight(pane, hits, page.number);
  useEffect(() => {
    const keys = (event) => {
      if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") step(1);
      if (event.key === "-") step(-1);
      if (event.key === "0") setZoom(1);
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  });
  return html`<div class="sheet-pane">
    <div class="zoom" role="group" aria-label="Zoom">
      <${Button} icon="minus" small kind="quiet" label="Smaller" disabled=${zoom === STEPS[0]} onClick=${() => step(-1)} />
      <${Button} small kind="quiet" label="Fit the width" onClick=${() => setZoom(1)}>${Math.round(zoom * 100)} %<//>
      <${Button} icon="plus" small kind="quiet" label="Larger" disabled=${zoom === STEPS.at(-1)} onClick=${() => step(1)} />
    </div>
    <div class="sheet-scroll" ref=${pane} tabindex="0" role="group" aria-label=${`Picture of page ${page.number}`}>
      ${width > 0 && html`<${Picture} key=${page.number} id=${id} page=${page} width=${width * zoom} mentions=${mentions} hits=${hits} lit=${lit} point=${point} />`}
    </div>
  </div>`;
}

function Picture({ id, page, width, mentions, hits, lit, point }) {
  const [state, setState] = useState("");
  const [tries, setTries] = useState(0);
  const failed = () => (tries < TRIES ? setTimeout(() => setTries(tries + 1), AGAIN) : setState("broken"));
  const sharp = width * Math.min(2, window.devicePixelRatio);
  const asked = WIDTHS.find((each) => each >= sharp) ?? WIDTHS.at(-1);
  const shape = { width: `${width}px`, aspectRatio: page.width && page.height ? `${page.width} / ${page.height}` : undefined };
  return html`<div class=${`sheet ${state}`} style=${shape}>
    ${!state && html`<${Skeleton} lines=${8} />`}
    ${state === "broken"
      ? html`<p class="muted">The picture of this page cannot be shown.</p>`
      : html`<img key=${tries} src=${imageOf(id, page.number, asked)} alt=${`Page ${page.number}`} fetchpriority="high" onLoad=${() => setState("there")} onError=${failed} />`}
    <div class="boxes" aria-hidden="true">
      ${mentions.flatMap((mention, n) =>
        mention.boxes.map((box, line) => {
          const common = { key: `${n}.${line}`, class: `box ${lit === mention ? "lit" : ""}`, "data-type": mention.type, style: placed(box), title: mention.name, tabindex: -1, onPointerEnter: () => point(mention), onPointerLeave: () => point(null) };
          return mention.entity_id ? html`<a href=${`/entities/${mention.entity_id}`} ...${common}></a>` : html`<span ...${common}></span>`;
        }),
      )}
      ${hits.map((box, n) => html`<span key=${`hit${n}`} class="box hit" style=${placed(box)}></span>`)}
    </div>
  </div>`;
}

const placed = ([left, top, right, bottom]) => ({ left: share(left), top: share(top), width: share(right - left), height: share(bottom - top) });
const share = (part) => `${(part * 100).toFixed(3)}%`;

/** The inner width of an element, as it changes. */
function useWidth(element) {
  const [width, set] = useState(0);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.floor(entry.contentRect.width)));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** Scrolls to the first hit, once for each place that was asked for. */
function useHitInSight(pane, hits, page) {
  const first = JSON.stringify(hits[0]);
  useEffect(() => {
    if (!first) return undefined;
    const timer = setTimeout(() => reveal(pane.current, pane.current?.querySelector(".box.hit")), 60);
    return () => clearTimeout(timer);
  }, [first, page]);
}
