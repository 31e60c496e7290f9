// Status: what waits, what runs, how fast, what failed.
import { useAsked } from "../core/asked.js";
import { html, useEffect } from "../core/lib.js";
import { useTitle } from "../core/router.js";
import { about, count, number, stateOf } from "../core/words.js";
import { Failures } from "../status/failures.js";
import { Queues } from "../status/queues.js";
import { Throughput } from "../status/throughput.js";
import { Workers } from "../status/workers.js";
import { Icon } from "../ui/icon.js";
import { Loaded } from "../ui/shown.js";

const EVERY = 2500;

export default function Status() {
  const asked = useAsked("/api/status");
  useTitle("Status");
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && !asked.fault && asked.reload(), EVERY);
    return () => clearInterval(timer);
  }, [asked.reload, asked.fault]);
  return html`
    <div class="page-head"><h1>Status</h1><${Well} status=${asked.data} /></div>
    <${Loaded} of=${asked} lines=${10}>
      ${(status) => html`
        <${Notices} status=${status} />
        <${Figures} status=${status} />
        <div class="status">
          <div class="stack">
            <${Queues} queues=${status.queues} changed=${asked.reload} />
            <${Workers} workers=${status.workers} now=${status.at} />
          </div>
          <div class="stack">
            <${Throughput} minutes=${status.throughput} />
            <${Failures} failures=${status.failures} now=${status.at} />
          </div>
        </div>
      `}
    <//>
  `;
}

/** In a word, said when it changes. */
function Well({ status }) {
  if (!status) return null;
  const ill = [status.database, status.broker].some((said) => said !== "ok");
  const [kind, icon, said] = ill ? ["failed", "warning", "Something is away"] : status.problems.length ? ["partly", "warning", "Look after something"] : ["done", "check", "All is well"];
  return html`<p class=${`state ${kind}`} role="status"><${Icon} name=${icon} />${said}</p>`;
}

function Notices({ status: { database, broker, problems, waits } }) {
  const away = [database !== "ok" && database, broker !== "ok" && broker].filter(Boolean);
  const notice = (kind, text, icon = "warning") => html`<p key=${text} class=${`notice ${kind}`}><${Icon} name=${icon} /><span>${text}</span></p>`;
  return html`<div class="stack notices">
    ${away.map((text) => notice("trouble", text))}
    ${problems.filter((text) => !away.includes(text)).map((text) => notice("warn", text))}
    ${waits.map(({ waiting_for: why, documents }) => notice("", `${count(documents, "document")} ${documents === 1 ? "waits" : "wait"}: ${why}`, "clock"))}
  </div>`;
}

const KINDS = [
  ["waiting", "Waiting", "clock"],
  ["running", "In work", "activity"],
  ["done", "Completed", "check"],
  ["partly", "In part", "warning"],
  ["failed", "Failed", "warning"],
  ["cancelled", "Cancelled", "stop"],
];

function Figures({ status: { documents, seconds_left: left } }) {
  const counts = {};
  for (const { status, documents: many } of documents) {
    const { kind } = stateOf(status);
    counts[kind] = (counts[kind] ?? 0) + many;
  }
  const shown = KINDS.filter(([kind]) => ["waiting", "running", "done", "failed"].includes(kind) || counts[kind]);
  return html`<dl class="figures">
    ${shown.map(([kind, name, icon]) => html`<div key=${kind} class="card"><dt class=${`state ${counts[kind] ? kind : ""}`}><${Icon} name=${icon} />${name}</dt><dd>${number(counts[kind] ?? 0)}</dd></div>`)}
    <div class="card"><dt class="state"><${Icon} name="clock" />Until all is done</dt><dd>${left === null ? "not known" : left === 0 ? "nothing to do" : about(left)}</dd></div>
  </dl>`;
}
