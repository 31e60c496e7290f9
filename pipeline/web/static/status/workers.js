// Workers: what each does, for how long, with how much memory.
import { html } from "../core/lib.js";
import { session } from "../core/session.js";
import { STEPS, about, bytes } from "../core/words.js";
import { Panel } from "../entity/panel.js";
import { placeOf } from "../ui/passage.js";
import { Icon } from "../ui/icon.js";

const STATES = {
  busy: ["running", "activity", "at work"],
  idle: ["done", "check", "ready"],
  unheard: ["partly", "clock", "did not answer"],
  silent: ["failed", "warning", "silent for long"],
  ended: ["cancelled", "stop", "ended"],
};
const FEW = 3;

export function Workers({ workers, now }) {
  if (session.value?.project) return null; // a key of one project is told nothing of them
  return html`<${Panel} title="Workers">
    ${workers.length
      ? html`<ul class="workers">${workers.map((worker) => html`<${Worker} key=${worker.name} worker=${worker} now=${now} />`)}</ul>`
      : html`<p class="muted small">None runs. <code>nlp-pipeline up</code> starts them.</p>`}
  <//>`;
}

function Worker({ worker: { name, type, state, memory_bytes: memory, work }, now }) {
  const [kind, icon, said] = STATES[state] ?? ["", "clock", state];
  return html`<li>
    <p class="worker"><strong class="grow clip">${name}</strong><span class=${`state ${kind}`}><${Icon} name=${icon} />${said}</span></p>
    <p class="muted worker"><span class="grow clip">${type !== name && type}</span>${memory !== null && html`<span>${bytes(memory)}</span>`}</p>
    ${work.slice(0, FEW).map(
      (job) => html`<p key=${job.document_id} class="job"><a class="grow clip" href=${placeOf(job.document_id)} title=${job.source_path}>${job.source_path.split("/").at(-1)}</a>
        <span class="muted">${STEPS[job.task] ?? job.task}, ${about((new Date(now) - new Date(job.since)) / 1000)}</span></p>`,
    )}
    ${work.length > FEW && html`<p class="muted">and ${work.length - FEW} more</p>`}
  </li>`;
}
