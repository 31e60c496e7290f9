// Queues: how much waits in each, for how long; pause and resume.
import { post } from "../core/api.js";
import { html, useState } from "../core/lib.js";
import { may, session } from "../core/session.js";
import { about, number } from "../core/words.js";
import { Panel } from "../entity/panel.js";
import { Button } from "../ui/controls.js";
import { toast, toastFault } from "../ui/toasts.js";

const NAMES = {
  ocr: "Reading files",
  ocr_pages: "Reading page ranges",
  text: "Dividing into passages",
  entity: "Finding names",
  graph: "Linking",
  default: "Everything else",
};

export function Queues({ queues, changed }) {
  const does = may("admin") && !session.value.project;
  const most = Math.max(1, ...queues.map((queue) => queue.depth ?? 0));
  return html`<${Panel} title="Queues">
    <div class="scroll-x" tabindex="0" role="region" aria-label="Queues"><table class="plain queues">
      <thead><tr><th scope="col">Queue</th><th scope="col">Waiting</th><th scope="col" class="figure">In work</th><th scope="col" class="figure">Oldest</th><th scope="col" class="figure">Workers</th>${does && html`<th scope="col"><span class="unseen">Pause</span></th>`}</tr></thead>
      <tbody>${queues.map((queue) => html`<${Queue} key=${queue.name} queue=${queue} most=${most} does=${does} changed=${changed} />`)}</tbody>
    </table></div>
  <//>`;
}

const known = (figure) => (figure === null ? "–" : number(figure));

function Queue({ queue: { name, depth, running, oldest_seconds: oldest, paused, workers }, most, does, changed }) {
  const [busy, setBusy] = useState(false);
  const turn = async () => {
    setBusy(true);
    await post(`/api/queues/${name}/${paused ? "resume" : "pause"}`).then(() => (toast(paused ? `${name} goes on.` : `${name} stands still; what runs, ends.`), changed()), toastFault);
    setBusy(false);
  };
  return html`<tr class=${paused ? "paused" : ""}>
    <th scope="row">${NAMES[name] ?? name} <span class="muted mono">${name}</span>${paused && html` <span class="tag warn">paused</span>`}</th>
    <td><span class="often"><meter min="0" max=${most} value=${depth ?? 0} aria-hidden="true"></meter>${known(depth)}</span></td>
    <td class="figure">${known(running)}</td>
    <td class="figure">${oldest === null ? "–" : about(oldest)}</td>
    <td class="figure">${known(workers)}</td>
    ${does && html`<td class="figure"><${Button} small icon=${paused ? "play" : "pause"} kind="quiet" label=${paused ? `Resume ${name}` : `Pause ${name}`} busy=${busy} onClick=${turn} /></td>`}
  </tr>`;
}
