// What happens on the server, as it happens; where the stream is not to be had, pages ask now and then.
import { address } from "./router.js";
import { useEffect, useRef } from "./lib.js";
import { inProject, project } from "./session.js";
import { store } from "./store.js";

/** Whether events come in: pages poll while they do not. */
export const live = store(false);

const NAMES = ["document", "project"];
const SHORTEST = 2000;
const LONGEST = 30000;
const listeners = new Set();
let source = null;
let wait = SHORTEST;
let timer = 0;

function open() {
  clearTimeout(timer);
  if (source || !listeners.size || document.hidden) return;
  source = new EventSource(address("/api/events", inProject()));
  source.onopen = () => {
    wait = SHORTEST;
    live.set(true);
    tell("again");
  };
  source.onerror = () => {
    live.set(false);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again itself
    close();
    timer = setTimeout(open, wait);
    wait = Math.min(wait * 2, LONGEST);
  };
  for (const name of NAMES) source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
  source.addEventListener("resync", () => tell("again"));
}

function tell(name, data) {
  for (const listener of [...listeners]) listener.current[name]?.(data);
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
  live.set(false);
}

/** Be told of events: {document(data), project(data), again()}; `again` after a gap: what is shown is to be asked anew. */
export function useEvents(handlers) {
  const current = useRef(handlers);
  current.current = handlers;
  useEffect(() => {
    listeners.add(current);
    open();
    return () => {
      listeners.delete(current);
      if (!listeners.size) close();
    };
  }, []);
}

/** Call `action` every so often while events do not come in and the page is seen; a falsy pause: never. */
export function usePolling(action, pause) {
  const current = useRef(action);
  current.current = action;
  useEffect(() => {
    if (!pause) return undefined;
    const every = setInterval(() => !live.value && !document.hidden && current.current(), pause);
    return () => clearInterval(every);
  }, [pause]);
}

// A browser has six connections to a server: tabs that nobody sees hold none.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
project.subscribe(() => {
  close();
  open();
});
