// A part of a name's page.
import { html } from "../core/lib.js";

export function Panel({ title, note, children, ...rest }) {
  return html`<section class="card panel" ...${rest}>
    <header><h2>${title}</h2>${note && html`<span class="muted small">${note}</span>`}</header>
    ${children}
  </section>`;
}
