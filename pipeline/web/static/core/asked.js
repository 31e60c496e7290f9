// What a page asks of the server and shows, with its waiting and its faults.
import { get } from "./api.js";
import { useCallback, useEffect, useReducer, useRef } from "./lib.js";

const AGAIN = 4000;

/**
 * The answer to a GET: {data, fault, loading, reload, change}.
 *
 * Old data stays while new is asked for, so that nothing jumps; `key` names what is shown: where it changes, old data goes.
 * A path of null asks nothing. What failed for a passing reason is asked again by itself.
 */
export function useAsked(path, query = {}, { key = path } = {}) {
  const asked = path && JSON.stringify([path, query]);
  const [seen, set] = useReducer((old, next) => ({ ...old, ...next }), { data: null, fault: null, loading: Boolean(path), key });
  const turn = useRef(0);
  const now = useRef(asked);
  now.current = asked;

  const reload = useCallback(() => {
    if (!asked || asked !== now.current) return Promise.resolve(); // a timer of what was shown before must not take its place
    const mine = ++turn.current;
    const stop = new AbortController();
    const told = (next) => mine === turn.current && set(next);
    told({ loading: true });
    const answered = get(path, query, stop.signal).then(
      (data) => told({ data, fault: null, loading: false, key }),
      (fault) => fault.name !== "AbortError" && told({ fault, loading: false, key }),
    );
    answered.stop = () => stop.abort();
    return answered;
  }, [asked]);

  useEffect(() => {
    const first = reload();
    return () => {
      turn.current++;
      first.stop?.();
    };
  }, [reload]);

  useEffect(() => {
    if (!seen.fault?.passing) return undefined;
    const timer = setTimeout(reload, Math.max(AGAIN, seen.fault.retryAfter * 1000));
    return () => clearTimeout(timer);
  }, [seen.fault, reload]);

  const change = useCallback((edit) => set({ data: edit(latest.current) }), []);
  const latest = useRef(null);
  latest.current = seen.data;
  const current = seen.key === key;
  return { data: current ? seen.data : null, fault: current ? seen.fault : null, loading: seen.loading || !current, reload, change };
}
