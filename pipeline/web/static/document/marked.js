// Text with what is marked in it: names by their type, the passage that was looked for.
import { html } from "../core/lib.js";
import { pieces } from "../core/text.js";
import { typeName } from "../core/words.js";

export const HIT = "hit";

/**
 * A stretch of text. `marks`: mentions, and {type: HIT, start, end}; offsets are those of the document, `origin` is the text's own.
 * `lit` is the mention that is pointed at; `point(mention)` tells of another.
 */
export function Marked({ text, marks, origin = 0, lit, point }) {
  return pieces(text, marks, origin).map(({ text: piece, marks: over }, n) => {
    const hit = over.some((mark) => mark.type === HIT);
    const mention = over.filter((mark) => mark.type !== HIT).sort((one, other) => one.end - one.start - (other.end - other.start))[0];
    const inside = mention ? html`<${Mention} mention=${mention} text=${piece} lit=${lit === mention} point=${point} />` : piece;
    return hit ? html`<mark class="hit" key=${n}>${inside}</mark>` : inside;
  });
}

function Mention({ mention, text, lit, point }) {
  const common = {
    class: `mention ${lit ? "lit" : ""}`,
    "data-type": mention.type,
    title: `${mention.name} (${typeName(mention.type)})`,
    onPointerEnter: () => point?.(mention),
    onPointerLeave: () => point?.(null),
    onFocus: () => point?.(mention),
    onBlur: () => point?.(null),
  };
  return mention.entity_id ? html`<a href=${`/entities/${mention.entity_id}`} ...${common}>${text}</a>` : html`<span ...${common}>${text}</span>`;
}
