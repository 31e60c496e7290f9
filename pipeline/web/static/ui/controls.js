// What is pressed and chosen.
import { html, useEffect, useRef } from "../core/lib.js";
import { Icon } from "./icon.js";

/** kind: "" (plain), primary, danger or quiet. `href` makes it a link. Icon alone: give `label`. */
export function Button({ children, icon, label, kind = "", busy = false, href, small, ...rest }) {
  const inside = html`${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}`;
  const common = { class: `button ${kind} ${small ? "small" : ""} ${children ? "" : "bare"}`, "aria-label": label, title: label, ...rest };
  if (href) return html`<a href=${href} ...${common}>${inside}</a>`;
  return html`<button type="button" ...${common} aria-busy=${busy || undefined} disabled=${rest.disabled || busy}>${inside}</button>`;
}

/** One of few: options are {value, name, count?}. */
export function Segments({ label, options, value, onChange }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map(
      (option) => html`<button type="button" key=${option.value} aria-pressed=${option.value === value} onClick=${() => onChange(option.value)}>
        ${option.icon && html`<${Icon} name=${option.icon} />`}${option.name}
        ${option.count !== undefined && html`<span class="count">${option.count}</span>`}
      </button>`,
    )}
  </div>`;
}

/** A search box that tells what stands in it once typing rests; Enter tells at once. */
export function SearchBox({ label, value, onChange, placeholder = label, pause = 300, autofocus }) {
  const field = useRef();
  const timer = useRef(0);
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = value;
  }, [value]);
  const tell = (text) => (clearTimeout(timer.current), onChange(text.trim()));
  const typed = (event) => {
    clearTimeout(timer.current);
    const text = event.target.value;
    timer.current = setTimeout(() => tell(text), pause);
  };
  return html`<form class="search-box" role="search" onSubmit=${(event) => (event.preventDefault(), tell(field.current.value))}>
    <${Icon} name="search" />
    <input ref=${field} type="search" defaultValue=${value} aria-label=${label} placeholder=${placeholder} onInput=${typed} autofocus=${autofocus} />
  </form>`;
}

/** A button that opens a list of buttons and links. Escape and a click elsewhere close it. */
export function Menu({ label, icon, children, text, kind = "quiet" }) {
  const box = useRef();
  useEffect(() => {
    const outside = (event) => {
      if (box.current?.open && !box.current.contains(event.target)) box.current.open = false;
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const keys = (event) => {
    const items = [...box.current.querySelectorAll(".menu-items :is(button, a):not([disabled])")];
    const now = items.indexOf(document.activeElement);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape" && box.current.open) {
      box.current.open = false;
      box.current.querySelector("summary").focus();
    } else if (box.current.open && to !== undefined && items.length) {
      event.preventDefault();
      items[(to + items.length) % items.length].focus();
    }
  };
  const chosen = (event) => event.target.closest("button, a") && (box.current.open = false);
  return html`<details class="menu" ref=${box} onKeyDown=${keys}>
    <summary class=${`button ${kind} ${text ? "" : "bare"}`} aria-label=${label} title=${text ? undefined : label}>
      ${icon && html`<${Icon} name=${icon} />`}${text && html`<span>${text}</span><${Icon} name="down" />`}
    </summary>
    <div class="menu-items" onClick=${chosen}>${children}</div>
  </details>`;
}

/** To the next part of a list that has cursors, and back. `turn({cursor, before})` goes there. */
export function Pager({ cursor, before = [], next, turn, shown }) {
  if (!cursor && !next) return null;
  return html`<nav class="pager" aria-label="Parts of the list">
    <${Button} icon="left" disabled=${!cursor} onClick=${() => turn({ cursor: before.at(-1) ?? "", before: before.slice(0, -1) })}>Newer<//>
    <span class="muted">${shown}</span>
    <${Button} disabled=${!next} onClick=${() => turn({ cursor: next, before: [...before, cursor ?? ""] })}>Older<//>
  </nav>`;
}

