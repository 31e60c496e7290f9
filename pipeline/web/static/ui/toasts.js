// Short messages that come and go; a screen reader says them.
import { html } from "../core/lib.js";
import { store, useStore } from "../core/store.js";
import { Button } from "./controls.js";

const shown = store([]);
const STAY = 6000;
let last = 0;

/** Say something; kind is "" or "bad". */
export function toast(text, kind = "") {
  const id = ++last;
  shown.set((old) => [...old.slice(-3), { id, text, kind }]);
  setTimeout(() => drop(id), kind ? STAY * 2 : STAY);
}

/** Say what went wrong. */
export function toastFault(fault) {
  toast([fault.message, fault.advice].filter(Boolean).join(" "), "bad");
}

function drop(id) {
  shown.set((old) => old.filter((each) => each.id !== id));
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${useStore(shown).map(
      (each) => html`<div key=${each.id} class=${`toast ${each.kind}`}>
        <span>${each.text}</span><${Button} icon="close" kind="quiet" small label="Dismiss" onClick=${() => drop(each.id)} />
      </div>`,
    )}
  </div>`;
}
