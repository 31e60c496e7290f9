// Uploads: a few at a time, begun again where the line breaks, going on while other pages are looked at.
import { Fault, faultOf, proof } from "../core/api.js";
import { address } from "../core/router.js";
import { project, session } from "../core/session.js";
import { store } from "../core/store.js";

const AT_ONCE = 3;
const TRIES = 6;
const NONE = { total: 0, done: 0, known: 0, bytes: 0, sent: 0, failed: [], sending: false };

/** {total, done, known, bytes, sent, failed: [{path, fault}], sending}; `known` were there already. */
export const uploads = store(NONE);

let items = [];
let queue = []; // of them, those that wait
let running = 0;
let told = 0;

/** Send these: [{file, path}]. */
export function upload(files) {
  if (!uploads.value.sending) items = items.filter((item) => item.state === "failed");
  const places = new Set(items.filter((item) => item.state !== "failed").map((item) => item.path));
  for (const { file, path } of files) {
    if (places.has(path)) continue;
    const item = { file, path, project: project.value, name: token(), state: "waiting", sent: 0, tries: 0 };
    items.push(item);
    queue.push(item);
  }
  go();
}

/** Try once more what failed. */
export function uploadAgain() {
  for (const item of items.filter((each) => each.state === "failed")) {
    Object.assign(item, { state: "waiting", tries: 0, fault: null });
    queue.push(item);
  }
  go();
}

export function stopUploads() {
  for (const item of items) item.request?.abort();
  items = [];
  queue = [];
  tell();
}

/** Forget what is over. */
export function clearUploads() {
  items = items.filter((item) => item.state === "waiting" || item.state === "sending");
  tell();
}

function go() {
  while (running < AT_ONCE && queue.length) {
    const item = queue.shift();
    item.state = "sending";
    running++;
    follow(item).finally(() => {
      running--;
      go();
    });
  }
  tell();
}

async function follow(item) {
  for (;;) {
    try {
      const answer = await send(item);
      const refused = answer.refused[0];
      if (refused) throw new Fault({ status: 422, ...refused });
      item.known = answer.documents[0]?.status !== "queued";
      item.state = "done";
      return;
    } catch (fault) {
      item.sent = 0;
      if (fault.name === "AbortError") return;
      if (fault.status === 401) session.set(null);
      if (!fault.passing || ++item.tries >= TRIES || !(await readable(item))) {
        Object.assign(item, { state: "failed", fault: item.gone ?? fault });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(fault.retryAfter, 2 ** item.tries / 2) * 1000));
    }
  }
}

/** One file in one request; its name makes a second try of it safe. */
function send(item) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    item.request = request;
    request.open("POST", address("/api/documents/upload", { project: item.project }));
    for (const [name, value] of Object.entries({ "Idempotency-Key": item.name, ...proof("POST") })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      item.sent = Math.min(item.file.size, event.loaded);
      tellSoon();
    };
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText));
      else reject(faultOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(faultOf(0));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    const form = new FormData();
    form.append("file", item.file, item.path);
    request.send(form);
  });
}

/** Whether the file is still where it was: to the browser, one that went looks like a broken line. */
async function readable(item) {
  try {
    await item.file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    item.gone = new Fault({ code: "file_gone", detail: "The file was moved or changed meanwhile.", advice: "Choose it again." });
    return false;
  }
}

function tellSoon() {
  told ||= setTimeout(tell, 100);
}

function tell() {
  clearTimeout(told);
  told = 0;
  if (!items.length) return uploads.set(NONE);
  const done = items.filter((item) => item.state === "done");
  const failed = items.filter((item) => item.state === "failed");
  return uploads.set({
    total: items.length,
    done: done.length,
    known: done.filter((item) => item.known).length,
    bytes: items.reduce((sum, item) => sum + item.file.size, 0),
    sent: items.reduce((sum, item) => sum + (item.state === "done" ? item.file.size : item.sent), 0),
    failed: failed.map(({ path, fault }) => ({ path, fault })),
    sending: done.length + failed.length < items.length,
  });
}

/** A random name. (`crypto.randomUUID` is not there on a plain http address of another machine.) */
function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

window.addEventListener("beforeunload", (event) => uploads.value.sending && event.preventDefault());
