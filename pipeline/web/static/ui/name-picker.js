// Choosing a name by typing a part of it.
import { useAsked } from "../core/asked.js";
import { html, useId, useRef, useState } from "../core/lib.js";
import { inProject } from "../core/session.js";
import { number } from "../core/words.js";
import { Icon } from "./icon.js";
import { TypeTag } from "./shown.js";

const OFFERED = 8;
const PAUSE = 200;

/** A box that offers names as one types; `choose(entity)`. `value`: the name that is chosen now. */
export function NamePicker({ label, value = "", choose, placeholder = label }) {
  const [q, setQ] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const timer = useRef(0);
  const field = useRef();
  const list = useId();
  const found = useAsked(open && q ? "/api/entities" : null, inProject({ q, limit: OFFERED }), { key: "names" });
  const offered = open && q ? (found.data?.entities ?? []) : [];
  const close = () => (clearTimeout(timer.current), setOpen(false), setQ(""), setAt(0));
  const take = (entity) => (close(), (field.current.value = entity.name), choose(entity));
  const typed = ({ target }) => {
    clearTimeout(timer.current);
    setOpen(true);
    setAt(0);
    timer.current = setTimeout(() => setQ(target.value.trim()), PAUSE);
  };
  const keys = (event) => {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && offered.length) {
      event.preventDefault();
      setAt((to + offered.length) % offered.length);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (offered[at]) take(offered[at]);
    }
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      close();
    }
  };
  return html`<div class="picker">
    <div class="search-box"><${Icon} name="search" />
      <input ref=${field} key=${value} type="text" role="combobox" aria-label=${label} placeholder=${placeholder} defaultValue=${value} autocomplete="off" spellcheck="false"
        aria-expanded=${offered.length > 0} aria-controls=${list} aria-autocomplete="list" aria-activedescendant=${offered[at] ? `${list}-${at}` : undefined}
        onInput=${typed} onKeyDown=${keys} onFocus=${(event) => event.target.select()} onBlur=${close} />
    </div>
    <ul id=${list} class="picker-list" role="listbox" aria-label=${label} hidden=${!offered.length}>
      ${offered.map(
        (each, n) => html`<li key=${each.id} id=${`${list}-${n}`} role="option" aria-selected=${n === at} onPointerDown=${(event) => (event.preventDefault(), take(each))}>
          <span class="grow clip">${each.name}</span><${TypeTag} type=${each.type} /><span class="muted">${number(each.mentions)}</span>
        </li>`,
      )}
    </ul>
  </div>`;
}
