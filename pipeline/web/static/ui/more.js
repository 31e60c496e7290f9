// A list that has cursors, as far as it was asked for.
import { get } from "../core/api.js";
import { useAsked } from "../core/asked.js";
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { Button } from "./controls.js";
import { toastFault } from "./toasts.js";

const NOTHING = { items: [], next: undefined, loading: false };

/** {...useAsked, items, next, more}: `items` are those of the field `name` of every answer so far; `more()` asks for the next. */
export function useMore(path, query, name) {
  const first = useAsked(path, query, { key: JSON.stringify([path, query]) });
  const [rest, setRest] = useState(NOTHING);
  const current = useRef(null);
  current.current = first.data;
  useEffect(() => setRest(NOTHING), [first.data]);
  const next = rest.next === undefined ? first.data?.next_cursor : rest.next;
  const more = async () => {
    const of = first.data;
    const told = (change) => current.current === of && setRest(change);
    told((old) => ({ ...old, loading: true }));
    try {
      const answer = await get(path, { ...query, cursor: next });
      told((old) => ({ items: [...old.items, ...answer[name]], next: answer.next_cursor, loading: false }));
    } catch (fault) {
      toastFault(fault);
      told((old) => ({ ...old, loading: false }));
    }
  };
  return { ...first, items: [...(first.data?.[name] ?? []), ...rest.items], next, more, asking: rest.loading };
}

/** The button that asks for what follows, if anything does. */
export function More({ list, children = "Show more" }) {
  if (!list.next) return null;
  return html`<div class="more"><${Button} busy=${list.asking} onClick=${list.more}>${children}<//></div>`;
}
