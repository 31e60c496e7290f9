// Which types of names are marked; remembered.
import { html } from "../core/lib.js";
import { store } from "../core/store.js";
import { typeName } from "../core/words.js";

/** Types that are not marked. */
export const hidden = store(JSON.parse(localStorage.getItem("types-hidden") ?? "[]"));

function toggle(type) {
  hidden.set((old) => (old.includes(type) ? old.filter((each) => each !== type) : [...old, type]));
  localStorage.setItem("types-hidden", JSON.stringify(hidden.value));
}

export function Types({ mentions, off }) {
  const counts = new Map();
  for (const { type } of mentions) counts.set(type, (counts.get(type) ?? 0) + 1);
  if (!counts.size) return null;
  return html`<div class="types" role="group" aria-label="Types of names that are marked">
    ${[...counts].sort((one, other) => other[1] - one[1]).map(
      ([type, many]) => html`<button type="button" key=${type} class="type" data-type=${type} aria-pressed=${!off.includes(type)} onClick=${() => toggle(type)}>
        ${typeName(type)}<span>${many}</span>
      </button>`,
    )}
  </div>`;
}
