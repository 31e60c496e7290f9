// What is asked of the server, and its faults as sentences.
import { address } from "./router.js";
import { session } from "./session.js";

export class Fault extends Error {
  constructor({ status = 0, code = "", detail = "", advice = "", retryAfter = 0 }) {
    super(detail);
    Object.assign(this, { status, code, advice, retryAfter });
  }

  /** Whether it may go by itself. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

const UNREACHABLE = {
  code: "unreachable",
  detail: "The server cannot be reached.",
  advice: "See whether nlp-pipeline is still running. This page tries again by itself.",
};

export const get = (path, query, signal) => ask("GET", path, { query, signal });
export const post = (path, body, query) => ask("POST", path, { body, query });
export const remove = (path, query) => ask("DELETE", path, { query });

/** The answer's JSON; null if it has none. Throws Fault, or AbortError once `signal` is given. */
export async function ask(method, path, { query, body, signal } = {}) {
  const headers = { Accept: "application/json", ...proof(method) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(address(path, query), request).catch((error) => {
    throw error.name === "AbortError" ? error : new Fault(UNREACHABLE);
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const fault = faultOf(response.status, await response.text(), response.headers.get("Retry-After"));
  if (fault.status === 401 && path !== "/api/session") session.set(null);
  throw fault;
}

/** The header that shows that a request which changes something comes from this page. */
export function proof(method) {
  return method === "GET" ? {} : { "X-CSRF-Token": session.value?.csrf_token ?? "" };
}

/** What an answer that is no good says. */
export function faultOf(status, text, retryAfter) {
  if (!status) return new Fault(UNREACHABLE);
  try {
    return new Fault({ ...JSON.parse(text), status, retryAfter: Number(retryAfter) || 0 });
  } catch {
    return new Fault({ status, code: "no_answer", detail: `The server answered with ${status} and did not say why.` });
  }
}
