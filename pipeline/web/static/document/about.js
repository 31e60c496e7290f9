// What is told about a document beside its pages: names in it, attachments, its way through the stages, what the file says of itself.
import { html, useState } from "../core/lib.js";
import { STEPS, bytes, count, lasted, moment, number } from "../core/words.js";
import { Icon } from "../ui/icon.js";
import { Empty, State, TypeTag } from "../ui/shown.js";

const FEW = 60;

/** Whom and what it names, by type. */
export function Names({ entities }) {
  const [all, setAll] = useState(false);
  if (!entities.length) return html`<${Empty} icon="entities" title="No names">Nothing in this document was recognised as a person, a place or another name.<//>`;
  const shown = all ? entities : entities.slice(0, FEW);
  const types = [...new Set(entities.map((entity) => entity.type))];
  return html`<div class="names">
    ${types.map((type) => {
      const own = shown.filter((entity) => entity.type === type);
      return own.length > 0 && html`<section key=${type}>
        <h2><${TypeTag} type=${type} /></h2>
        <ul>
          ${own.map((entity) => html`<li key=${entity.id}><a href=${`/entities/${entity.id}`}>${entity.name}</a> <span class="muted" title=${count(entity.mentions, "mention")}>${number(entity.mentions)}</span></li>`)}
        </ul>
      </section>`;
    })}
    ${shown.length < entities.length && html`<button type="button" class="button" onClick=${() => setAll(true)}>Show all ${number(entities.length)}</button>`}
  </div>`;
}

export function Attachments({ attachments }) {
  return html`<ul class="attachments">
    ${attachments.map(
      (each) => html`<li key=${each.document_id}>
        <${Icon} name="clip" /><a class="grow" href=${`/documents/${each.document_id}`}>${each.source_path.split("/").at(-1)}</a><${State} status=${each.status} />
      </li>`,
    )}
  </ul>`;
}

const OUTCOMES = {
  done: ["check", "done"],
  retry: ["retry", "was tried again"],
  failed: ["warning", "failed"],
  crashed: ["warning", "broke off"],
  cancelled: ["stop", "was cancelled"],
};

/** What was done with it, step by step, in words. */
export function History({ document, history }) {
  return html`<div class="about">
    <section>
      <h2>Its way</h2>
      <ol class="history">
        <li><${Icon} name="upload" /><span>Put in</span><time class="muted" datetime=${document.created_at}>${moment(document.created_at)}</time></li>
        ${history.map((event, n) => {
          const [icon, said] = OUTCOMES[event.outcome] ?? ["clock", event.outcome];
          return html`<li key=${n} class=${event.outcome}>
            <${Icon} name=${icon} />
            <span>${STEPS[event.step] ?? event.step} ${event.outcome !== "done" && said}
              ${event.started_at && html`<span class="muted"> · ${lasted(event.started_at, event.finished_at)}</span>`}
              ${event.error_message && html`<span class="why">${event.error_message}</span>`}
            </span>
            <time class="muted" datetime=${event.finished_at}>${moment(event.finished_at)}</time>
          </li>`;
        })}
      </ol>
    </section>
    <section>
      <h2>The file</h2>
      <dl class="facts">
        ${facts(document).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
      </dl>
    </section>
  </div>`;
}

const LEFT_OUT = new Set(["moddate", "message-id", "encoding", "seconds", "spoken_language"]);
const NAMES = { creationdate: "Created", created: "Created", modified: "Modified", cc: "Cc", to: "To", from: "From" };

function facts(document) {
  const own = Object.entries(document.metadata)
    .filter(([name, value]) => !LEFT_OUT.has(name) && typeof value !== "object" && !/^\(?(unspecified|anonymous)\)?$/.test(value))
    .map(([name, value]) => [NAMES[name] ?? name[0].toUpperCase() + name.slice(1).replaceAll("_", " "), dated(String(value))]);
  return [
    ["Path", document.source_path],
    ["Kind", [document.category, document.media_type].filter(Boolean).join(" · ")],
    ["Language", document.language && language(document.language)],
    ["Size", bytes(document.size)],
    ["Passages", number(document.chunk_count)],
    ["Mentions", number(document.mention_count)],
    ...own,
    ["SHA-256", html`<span class="mono">${document.sha256}</span>`],
  ].filter(([, value]) => value);
}

/** Dates of PDF (D:20190304…) and of others as people write them. */
function dated(value) {
  const [, ...pdf] = value.match(/^D:(\d{4})(\d\d)?(\d\d)?/) ?? [];
  const when = pdf.length ? new Date(`${pdf[0]}-${pdf[1] ?? "01"}-${pdf[2] ?? "01"}T00:00:00`) : /^\d{4}-\d\d-\d\dT/.test(value) && new Date(value);
  return when && !Number.isNaN(when.getTime()) ? when.toLocaleDateString("en-GB", { dateStyle: "long" }) : value;
}

export function language(code) {
  try {
    return new Intl.DisplayNames("en-GB", { type: "language" }).of(code);
  } catch {
    return code;
  }
}

