// Spellings of a name, and why they are one.
import { html, useState } from "../core/lib.js";
import { number, percent } from "../core/words.js";
import { Panel } from "./panel.js";

const FEW = 12;

export function Names({ entity: { aliases } }) {
  const [all, setAll] = useState(false);
  const most = Math.max(1, ...aliases.map((each) => each.mentions));
  const shown = all ? aliases : aliases.slice(0, FEW);
  return html`<${Panel} title="Written as" note=${aliases.length > 1 ? number(aliases.length) : ""}>
    <ul class="measured">
      ${shown.map(
        ({ name, mentions }) => html`<li key=${name}><span>${name}</span><meter min="0" max=${most} value=${mentions} aria-hidden="true"></meter><span class="muted">${number(mentions)}</span></li>`,
      )}
    </ul>
    ${shown.length < aliases.length && html`<button type="button" class="button small quiet" onClick=${() => setAll(true)}>Show all ${number(aliases.length)}</button>`}
  <//>`;
}

/** What made the program, or a person, take them for one. */
export function Reasons({ entity: { merges } }) {
  if (!merges.length) return null;
  return html`<${Panel} title="Why these are one">
    <ul class="reasons">
      ${merges.map(
        ({ name, reason, score }, n) => html`<li key=${n}><strong>${name}</strong> <span class="muted">${reason}</span><span class="tag" title="How sure it is">${percent(score)}</span></li>`,
      )}
    </ul>
  <//>`;
}
