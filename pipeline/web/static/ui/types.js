// One type of entity, or all.
import { html } from "../core/lib.js";
import { TYPES } from "../core/words.js";

/** `value` is a type or "". */
export function TypeChoice({ value, onChange, label = "Type" }) {
  const all = { "": "All", ...TYPES };
  return html`<div class="types" role="group" aria-label=${label}>
    ${Object.entries(all).map(
      ([type, name]) => html`<button type="button" key=${type} class="type" data-type=${type || undefined} aria-pressed=${type === value} onClick=${() => onChange(type)}>${name}</button>`,
    )}
  </div>`;
}
