// What failed lately, why, and what to do.
import { adviceFor } from "../core/advice.js";
import { html } from "../core/lib.js";
import { STEPS, ago, moment } from "../core/words.js";
import { Panel } from "../entity/panel.js";
import { Path, placeOf } from "../ui/passage.js";

export function Failures({ failures, now }) {
  return html`<${Panel} title="Failed lately">
    ${failures.length
      ? html`<ul class="failures">
          ${failures.map(
            ({ document_id: id, source_path: path, project, step, code, message, at }) => html`<li key=${`${id} ${at}`}>
              <p class="worker"><a class="grow" href=${placeOf(id)}><${Path} path=${path} /></a><time class="muted" datetime=${at} title=${moment(at)}>${ago(at, new Date(now))}</time></p>
              <p><span class="bad">${message}</span> ${adviceFor({ code, message })}</p>
              <p class="muted">${project} · ${STEPS[step] ?? step}</p>
            </li>`,
          )}
        </ul>`
      : html`<p class="muted small">Nothing failed.</p>`}
  <//>`;
}
