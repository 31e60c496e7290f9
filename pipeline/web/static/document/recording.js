// A recording: it plays from the sentence that is clicked, and the one that is heard is marked.
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { places } from "../core/text.js";
import { clock } from "../core/words.js";
import { Icon } from "../ui/icon.js";
import { toast } from "../ui/toasts.js";
import { HIT, Marked } from "./marked.js";

/** `seconds`: where what was looked for is said, or null. */
export function Recording({ id, page, mentions, hit, seconds, lit, point }) {
  const sound = useRef();
  const list = useRef();
  const [now, setNow] = useState(-1);
  const at = places(page.text);
  const marks = hit ? [...mentions, { ...hit, type: HIT }] : mentions;
  const heard = page.segments.findLastIndex((segment) => segment.from <= now);

  const play = (from) => {
    sound.current.currentTime = from;
    sound.current.play().catch(() => toast("This recording cannot be played here. Download the original.", "bad"));
  };
  const clicked = (event, segment) => {
    if (!event.target.closest("a") && !window.getSelection().toString()) play(segment.from);
  };
  useEffect(() => {
    if (seconds !== null) {
      sound.current.currentTime = seconds;
      setNow(seconds);
    }
  }, [seconds]);
  useEffect(() => {
    list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [heard]);

  return html`<div class="recording">
    <audio ref=${sound} controls preload="metadata" src=${`/api/documents/${id}/media`} onTimeUpdate=${(event) => setNow(event.target.currentTime)}></audio>
    <ol class="sentences" ref=${list}>
      ${page.segments.map(
        (segment, n) => html`<li key=${n} aria-current=${n === heard && now >= 0 ? "true" : undefined} onClick=${(event) => clicked(event, segment)}>
          <button type="button" aria-label=${`Play from ${clock(segment.from)}`} onClick=${(event) => (event.stopPropagation(), play(segment.from))}>
            <${Icon} name="play" />${clock(segment.from)}
          </button>
          <span>${html`<${Marked} text=${page.text.slice(at(segment.start - page.start), at(segment.end - page.start))} origin=${segment.start} lit=${lit} point=${point}
              marks=${marks.filter((mark) => mark.start < segment.end && mark.end > segment.start)} />`}</span>
        </li>`,
      )}
    </ol>
  </div>`;
}
