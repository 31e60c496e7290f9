// What is done with documents: retry, cancel, delete; one or many.
import { post, remove } from "../core/api.js";
import { count, isFinal } from "../core/words.js";
import { confirm } from "../ui/dialog.js";
import { toast, toastFault } from "../ui/toasts.js";

const AT_ONCE = 4;

export const mayRetry = (document) => ["error", "partial_error", "cancelled"].includes(document.status);
export const mayCancel = (document) => !isFinal(document.status);

/** Do it to each, a few at a time, and say how it went. */
async function each(documents, act, said) {
  const waiting = [...documents];
  let done = 0;
  let fault = null;
  const lane = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      await act(next).then(
        () => done++,
        (failed) => (fault = failed),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  if (done) toast(`${count(done, "document")} ${said}.`);
  if (fault) toastFault(fault);
  return done;
}

export const retry = (documents) => each(documents.filter(mayRetry), (d) => post(`/api/documents/${d.document_id}/retry`), "queued again");
export const cancel = (documents) => each(documents.filter(mayCancel), (d) => post(`/api/documents/${d.document_id}/cancel`), "told to stop");

export async function erase(documents) {
  const one = documents.length === 1;
  const sure = await confirm({
    title: one ? "Delete this document?" : `Delete ${count(documents.length, "document")}?`,
    text: `${one ? documents[0].source_path : "They"} will be removed with attachments, and with what ${one ? "it" : "they"} said of people and places. This cannot be undone.`,
    action: "Delete",
    danger: true,
  });
  return sure ? each(documents, (d) => remove(`/api/documents/${d.document_id}`), "deleted") : 0;
}
