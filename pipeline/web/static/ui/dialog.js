// Dialogs on <dialog>: focus stays inside and comes back, Escape closes.
import { html, useEffect, useId, useRef } from "../core/lib.js";
import { store, useStore } from "../core/store.js";
import { Button } from "./controls.js";

/** Drawn while it is open; `onClose` is called however it is closed. */
export function Dialog({ title, onClose, children, actions }) {
  const box = useRef();
  const name = useId();
  useEffect(() => {
    const { current } = box;
    current.showModal();
    return () => current.close();
  }, []);
  const outside = (event) => event.target === box.current && onClose();
  return html`<dialog ref=${box} aria-labelledby=${name} onClose=${onClose} onPointerDown=${outside}>
    <div class="dialog">
      <header><h2 id=${name}>${title}</h2><${Button} icon="close" kind="quiet" label="Close" onClick=${onClose} /></header>
      <div class="dialog-body">${children}</div>
      ${actions && html`<footer>${actions}</footer>`}
    </div>
  </dialog>`;
}

const asked = store(null);

/** Ask before something that cannot be undone: a promise of true or false. */
export function confirm({ title, text, action, danger = false }) {
  return new Promise((resolve) => asked.set({ title, text, action, danger, resolve }));
}

export function Confirmations() {
  const question = useStore(asked);
  if (!question) return null;
  const answer = (yes) => {
    asked.set(null);
    question.resolve(yes);
  };
  const actions = html`<${Button} onClick=${() => answer(false)}>Keep<//>
    <${Button} kind=${question.danger ? "danger" : "primary"} onClick=${() => answer(true)}>${question.action}<//>`;
  return html`<${Dialog} title=${question.title} onClose=${() => answer(false)} actions=${actions}><p>${question.text}</p><//>`;
}
