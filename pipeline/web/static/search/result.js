// A passage that was found.
import { bestOf, phrases } from "../core/excerpt.js";
import { html, useState } from "../core/lib.js";
import { imageOf } from "../document/sheet.js";
import { Icon } from "../ui/icon.js";
import { Excerpt, Path, placeOf, whereOf } from "../ui/passage.js";

const PICTURED = ["pdf", "image"];
const ICONS = { audio: "sound", email: "mail" };
const ON_THUMB = 12; // boxes; more would hide the page

export function Result({ result }) {
  const { boxes } = result;
  const marks = phrases(result.text, result.highlights);
  const best = bestOf(marks);
  const pages = new Set(boxes.map((box) => box.page));
  const page = pages.size === 1 ? [...pages][0] : undefined; // else the document's page finds it
  const at = (mark) => placeOf(result.document_id, { page, start: result.start + mark.start, end: result.start + mark.end });
  const href = best ? at(best) : placeOf(result.document_id, { start: result.start, end: result.end });
  const where = whereOf({ ...result, page: page ?? result.page });
  return html`<li class="result">
    <a class="result-picture" href=${href} tabindex="-1" aria-hidden="true"><${Thumb} result=${result} /></a>
    <div class="result-text">
      <h2><a href=${href}><${Path} path=${result.source_path} /></a></h2>
      <p class="small muted clip">${[where && where[0].toUpperCase() + where.slice(1), result.heading].filter(Boolean).join(" · ")}</p>
      <p><${Excerpt} text=${result.text} marks=${marks} mark=${best} room=${340} /></p>
    </div>
  </li>`;
}

/** The page as a small picture with what was found boxed, or what kind of file it is. */
function Thumb({ result }) {
  const [shown, setShown] = useState(PICTURED.includes(result.format));
  const [there, setThere] = useState(false);
  const { boxes: all } = result;
  const page = all[0]?.page ?? result.page ?? 1;
  if (!shown) return html`<${Icon} name=${ICONS[result.format] ?? "file"} />`;
  const boxes = all.filter((each) => each.page === page).slice(0, ON_THUMB);
  return html`<span class="result-page">
    <img src=${imageOf(result.document_id, page, 160)} alt="" loading="lazy" onLoad=${() => setThere(true)} onError=${() => setShown(false)} />
    ${there && boxes.map(({ box: [left, top, right, bottom] }, n) => {
      const share = (part) => `${part * 100}%`;
      return html`<i key=${n} style=${{ left: share(left), top: share(top), width: share(right - left), height: share(bottom - top) }}></i>`;
    })}
  </span>`;
}
