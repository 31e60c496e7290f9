// A value that parts of the page share.
import { useEffect, useReducer } from "./lib.js";

export function store(value) {
  const listeners = new Set();
  return {
    get value() {
      return value;
    },
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Its value, and a new drawing whenever it changes. */
export function useStore(shared) {
  const [, drawAnew] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    drawAnew();
    return shared.subscribe(drawAnew);
  }, [shared]);
  return shared.value;
}
