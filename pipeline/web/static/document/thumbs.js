// The strip of small pages: those in sight and a few more are drawn, however many there are.
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { imageOf } from "./sheet.js";

const SLOT = 148; // pixels from one to the next; style/document.css has the same
const MORE = 4;
const REST = 300; // milliseconds without scrolling; whoever flies over pages asks for none, and the large picture comes first

export function Thumbs({ id, pages, current, turn }) {
  const strip = useRef();
  const [from, setFrom] = useState(0);
  const [room, setRoom] = useState(0);
  const [resting, setResting] = useState(false);
  const asked = useRef(new Set());
  const timer = useRef(0);
  const measured = () => {
    setResting(false);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setResting(true), REST);
    setFrom(Math.max(0, Math.floor(strip.current.scrollTop / SLOT) - MORE));
    setRoom(Math.ceil(strip.current.clientHeight / SLOT) + 2 * MORE);
  };
  useEffect(() => {
    const watch = new ResizeObserver(measured);
    watch.observe(strip.current);
    return () => {
      watch.disconnect();
      clearTimeout(timer.current);
    };
  }, []);
  useEffect(() => {
    const { scrollTop, clientHeight } = strip.current;
    const top = (current - 1) * SLOT;
    if (top < scrollTop || top + SLOT > scrollTop + clientHeight) strip.current.scrollTop = top - (clientHeight - SLOT) / 2;
  }, [current, room > 0]);
  const shown = Array.from({ length: Math.min(room, pages - from) }, (_, n) => from + n + 1);
  if (resting) for (const page of shown) asked.current.add(page);
  return html`<nav class="thumbs" aria-label="Pages of the document" ref=${strip} onScroll=${measured}>
    <div style=${{ height: `${pages * SLOT}px` }}>
      ${shown.map(
        (page) => html`<button type="button" key=${page} class="thumb" style=${{ top: `${(page - 1) * SLOT}px` }} aria-current=${page === current ? "page" : undefined}
          tabindex=${page === current ? 0 : -1} onClick=${() => turn(page)}>
          ${asked.current.has(page) ? html`<img src=${imageOf(id, page, 160)} alt="" onError=${(event) => (event.target.hidden = true)} />` : html`<i></i>`}<span><span class="unseen">Page </span>${page}</span>
        </button>`,
      )}
    </div>
  </nav>`;
}
