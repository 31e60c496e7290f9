// Where files and folders are dropped or chosen, and how their upload goes.
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { useStore } from "../core/store.js";
import { bytes, count, number } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { Icon } from "../ui/icon.js";
import { Progress } from "../ui/shown.js";
import { toast, toastFault } from "../ui/toasts.js";
import { chosenFiles, droppedFiles } from "./files.js";
import { clearUploads, stopUploads, upload, uploadAgain, uploads } from "./uploads.js";

const FAILURES_SHOWN = 5;

/** Two buttons, and the whole window as a place to drop on. `large` where nothing else is to be seen. */
export function Drop({ large }) {
  const files = useRef();
  const folder = useRef();
  const over = useDrop();
  const chosen = (event) => {
    start(chosenFiles(event.target));
    event.target.value = "";
  };
  return html`<section class=${`drop ${large ? "large" : ""} ${over ? "over" : ""}`} aria-label="Upload">
    <${Icon} name="upload" />
    <p><strong>${over ? "Let go to upload" : "Drop files or folders here"}</strong>
      <span class="muted">PDF, scans and photographs, e-mail, Office, web pages, text, recordings</span></p>
    <div class="row">
      <${Button} icon="file" kind=${large ? "primary" : ""} onClick=${() => files.current.click()}>Choose files<//>
      <${Button} icon="folder" onClick=${() => folder.current.click()}>Choose a folder<//>
    </div>
    <input ref=${files} type="file" multiple hidden aria-label="Files" onChange=${chosen} />
    <input ref=${folder} type="file" webkitdirectory hidden aria-label="Folder" onChange=${chosen} />
  </section>`;
}

function start(found) {
  if (found.length) upload(found);
  else toast("There is no file in it.");
}

/** Whether files are held over the window; what is let go is uploaded. */
function useDrop() {
  const [over, set] = useState(false);
  useEffect(() => {
    let depth = 0;
    const withFiles = (event) => event.dataTransfer?.types.includes("Files");
    const handlers = {
      dragenter: (event) => withFiles(event) && (event.preventDefault(), depth++, set(true)),
      dragover: (event) => withFiles(event) && event.preventDefault(),
      dragleave: (event) => withFiles(event) && --depth <= 0 && ((depth = 0), set(false)),
      drop: (event) => {
        if (!withFiles(event)) return;
        event.preventDefault();
        depth = 0;
        set(false);
        droppedFiles(event.dataTransfer).then(start, () => toastFault(new Error("What was dropped cannot be read.")));
      },
    };
    for (const [name, handler] of Object.entries(handlers)) window.addEventListener(name, handler);
    return () => Object.entries(handlers).forEach(([name, handler]) => window.removeEventListener(name, handler));
  }, []);
  return over;
}

/** How the upload goes, and what was not taken. */
export function Uploading() {
  const { total, done, known, bytes: all, sent, failed, sending } = useStore(uploads);
  if (!total) return null;
  const title = sending ? `Uploading ${number(total)} ${total === 1 ? "file" : "files"}` : `${count(done, "file")} uploaded`;
  return html`<section class="card uploading" aria-label="Upload under way">
    <div class="row">
      <strong role="status">${title}</strong>
      <span class="muted grow">
        ${sending ? `${number(done)} done · ${bytes(sent)} of ${bytes(all)}` : known ? `${number(known)} of them were here already` : ""}
      </span>
      ${sending
        ? html`<${Button} small onClick=${stopUploads}>Stop<//>`
        : html`${failed.length > 0 && html`<${Button} small icon="retry" onClick=${uploadAgain}>Try again<//>`}
            <${Button} small icon="close" kind="quiet" label="Dismiss" onClick=${clearUploads} />`}
    </div>
    ${sending && html`<${Progress} value=${all ? sent / all : 0} label="Uploaded" />`}
    ${failed.length > 0 &&
    html`<ul class="refused">
      ${failed.slice(0, FAILURES_SHOWN).map(
        ({ path, fault }) => html`<li key=${path}><${Icon} name="warning" /><span><strong>${path}</strong> was not uploaded: ${fault.message} ${fault.message.includes(";") ? "" : fault.advice}</span></li>`,
      )}
      ${failed.length > FAILURES_SHOWN && html`<li class="muted">and ${count(failed.length - FAILURES_SHOWN, "other")}</li>`}
    </ul>`}
  </section>`;
}
