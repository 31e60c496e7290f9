// Every place where a name stands.
import { html } from "../core/lib.js";
import { number } from "../core/words.js";
import { More, useMore } from "../ui/more.js";
import { Passage } from "../ui/passage.js";
import { Loaded } from "../ui/shown.js";
import { Panel } from "./panel.js";

const SHOWN = 10;

export function Mentions({ entity: { id, mentions } }) {
  const list = useMore(`/api/entities/${id}/mentions`, { limit: SHOWN }, "mentions");
  return html`<${Panel} title="Where it stands" note=${number(mentions)}>
    <${Loaded} of=${list} lines=${6}>
      ${() => html`<ul class="passages">${list.items.map((each, n) => html`<li key=${n}><${Passage} passage=${each} room=${200} /></li>`)}</ul><${More} list=${list} />`}
    <//>
  <//>`;
}
