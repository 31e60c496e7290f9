// The list of documents.
import { adviceFor } from "../core/advice.js";
import { html } from "../core/lib.js";
import { may } from "../core/session.js";
import { ago, bytes, count, isFinal, moment, number } from "../core/words.js";
import { Menu } from "../ui/controls.js";
import { Icon } from "../ui/icon.js";
import { Stages, State } from "../ui/shown.js";
import { cancel, erase, mayCancel, mayRetry, retry } from "./actions.js";

/** `picked` is a Set of ids; `pick(ids, on)` changes it; `changed()` after something was done. */
export function Rows({ documents, picked, pick, changed }) {
  const writes = may("write");
  const all = documents.length > 0 && documents.every((d) => picked.has(d.document_id));
  const some = documents.some((d) => picked.has(d.document_id));
  return html`<table class="documents">
    <caption class="unseen">Documents, the newest first</caption>
    <thead>
      <tr>
        ${writes &&
        html`<th class="pick" scope="col">
          <input type="checkbox" aria-label="Select all that are shown" checked=${all} indeterminate=${some && !all}
            onChange=${(event) => pick(documents.map((d) => d.document_id), event.target.checked)} />
        </th>`}
        <th scope="col">Document</th>
        <th scope="col">State</th>
        <th scope="col" class="figure">Pages</th>
        <th scope="col" class="figure">Mentions</th>
        <th scope="col" class="figure">Size</th>
        <th scope="col" class="when">Changed</th>
        <th scope="col" class="do"><span class="unseen">Actions</span></th>
      </tr>
    </thead>
    <tbody>
      ${documents.map(
        (each) => html`<${Row} key=${each.document_id} document=${each} writes=${writes} picked=${picked.has(each.document_id)} pick=${pick} changed=${changed} />`,
      )}
    </tbody>
  </table>`;
}

function Row({ document, writes, picked, pick, changed }) {
  const { document_id: id, source_path: path, status, stage } = document;
  const slash = path.lastIndexOf("/") + 1;
  return html`<tr class=${picked ? "picked" : ""}>
    ${writes &&
    html`<td class="pick"><input type="checkbox" aria-label=${`Select ${path}`} checked=${picked} onChange=${(event) => pick([id], event.target.checked)} /></td>`}
    <td class="name">
      <a href=${`/documents/${id}`} title=${path}>
        <span class="folder">${path.slice(0, slash)}</span>${document.parent_id && html`<${Icon} name="clip" label="Attachment" />`}<span class="file">${path.slice(slash)}</span>
      </a>
      <${Why} document=${document} />
    </td>
    <td class="how"><${State} status=${status} stage=${stage} />
      ${!isFinal(status) && html`<${Stages} stage=${stage} status=${status} percentage=${document.progress_percentage} />`}</td>
    <td class="figure" data-label="pages">${document.page_count ? number(document.page_count) : "–"}</td>
    <td class="figure" data-label="mentions">${isFinal(status) && document.mention_count ? number(document.mention_count) : "–"}</td>
    <td class="figure" data-label="">${bytes(document.size)}</td>
    <td class="when"><time datetime=${document.updated_at} title=${moment(document.updated_at)}>${ago(document.updated_at)}</time></td>
    <td class="do"><${Actions} document=${document} writes=${writes} changed=${changed} /></td>
  </tr>`;
}

/** Why it failed, or what it waits for. */
function Why({ document: { error, status, waiting_for: waits } }) {
  if (error && status !== "completed") return html`<p class="why"><span class="bad">${error.message}</span> ${adviceFor(error)}</p>`;
  return waits && !isFinal(status) ? html`<p class="why">Waits: ${waits}</p>` : null;
}

function Actions({ document, writes, changed }) {
  const act = (action) => () => action([document]).then(changed);
  return html`<${Menu} label=${`Actions for ${document.filename}`} icon="more">
    <a href=${`/api/documents/${document.document_id}/file`} download=${document.filename}><${Icon} name="download" />Download the original</a>
    ${writes &&
    html`<button type="button" disabled=${!mayRetry(document)} onClick=${act(retry)}><${Icon} name="retry" />Try again</button>
      <button type="button" disabled=${!mayCancel(document)} onClick=${act(cancel)}><${Icon} name="stop" />Cancel</button>
      <button type="button" class="bad" onClick=${act(erase)}><${Icon} name="trash" />Delete</button>`}
  <//>`;
}

/** What can be done with all that are selected. */
export function Picked({ documents, clear, changed }) {
  const act = (action) => () => action(documents).then((done) => done && (clear(), changed()));
  return html`<div class="picked-bar" role="region" aria-label="Selected documents">
    <strong role="status" class="grow">${count(documents.length, "document")} selected</strong>
    <button type="button" class="button small" disabled=${!documents.some(mayRetry)} onClick=${act(retry)}><${Icon} name="retry" />Try again</button>
    <button type="button" class="button small" disabled=${!documents.some(mayCancel)} onClick=${act(cancel)}><${Icon} name="stop" />Cancel</button>
    <button type="button" class="button small" onClick=${act(erase)}><${Icon} name="trash" />Delete</button>
    <button type="button" class="button small quiet" onClick=${clear}>Clear</button>
  </div>`;
}
