// A passage of a document: what it says, and a way to where it stands.
import { excerpt, phrases } from "../core/excerpt.js";
import { html } from "../core/lib.js";
import { address } from "../core/router.js";
import { pieces } from "../core/text.js";
import { clock } from "../core/words.js";
import { Icon } from "./icon.js";

/** The address of a stretch of a document; `page` only where it is known for certain. */
export const placeOf = (id, { page, start, end } = {}) => address(`/documents/${id}`, { page, start, end });

/** "page 3" or "at 1:05"; nothing for a document of one part. */
export function whereOf({ page, seconds }) {
  return seconds !== null && seconds !== undefined ? `at ${clock(seconds)}` : page ? `page ${page}` : "";
}

/** A path on one line: where room is short, its folders give way. */
export function Path({ path }) {
  const slash = path.lastIndexOf("/") + 1;
  return html`<span class="path" title=${path}>${slash > 0 && html`<span class="folder">${path.slice(0, slash)}</span>`}<span class="file">${path.slice(slash)}</span></span>`;
}

/** As much of a text as stands around `mark`, with `marks` ({start, end}) lit. */
export function Excerpt({ text, marks, mark = marks[0], room }) {
  const cut = excerpt(text, mark, room);
  return html`${cut.before && "… "}${pieces(cut.text, marks, cut.origin).map(({ text: piece, marks: over }, n) =>
    over.length ? html`<mark class="hit" key=${n}>${piece}</mark>` : piece,
  )}${cut.after && " …"}`;
}

/** Where names stand in a text, as highlights are given. */
function standing(text, names) {
  const low = text.toLowerCase();
  if (low.length !== [...text].length) return []; // signs that count double: rather none than wrong ones
  return names.flatMap((name) => {
    const at = low.indexOf(name.toLowerCase());
    return at < 0 ? [] : [[at, at + name.length]];
  });
}

/**
 * A passage as the API gives it ({document_id, source_path, start, end, page, seconds, text, highlights}), quoted.
 * Where it has no highlights, `names` are lit.
 */
export function Passage({ passage, names = [], room = 260 }) {
  const marks = phrases(passage.text, passage.highlights ?? standing(passage.text, names));
  const where = whereOf(passage);
  return html`<figure class="passage">
    <blockquote><${Excerpt} text=${passage.text} marks=${marks} room=${room} /></blockquote>
    <figcaption>
      <a href=${placeOf(passage.document_id, passage)}><${Icon} name=${passage.seconds === null || passage.seconds === undefined ? "file" : "sound"} /><${Path} path=${passage.source_path} /></a>
      ${where && html`<span class="muted">${where}</span>`}
    </figcaption>
  </figure>`;
}
