// What is shown: states, types, waiting, faults, nothing.
import { html } from "../core/lib.js";
import { STAGES, isFinal, stateOf, typeName } from "../core/words.js";
import { Button } from "./controls.js";
import { Icon } from "./icon.js";

const STATE_ICONS = { waiting: "clock", running: "activity", done: "check", partly: "warning", failed: "warning", cancelled: "stop" };

/** The state of a document. */
export function State({ status, stage }) {
  const { kind, name } = stateOf(status, stage);
  return html`<span class=${`state ${kind}`}><${Icon} name=${STATE_ICONS[kind]} />${name}</span>`;
}

/** How far a document is: one bar for each of the four stages. */
export function Stages({ stage, status, percentage }) {
  const { kind } = stateOf(status);
  const at = status === "completed" ? STAGES.length : Math.max(0, STAGES.findIndex((each) => each.id === stage));
  const state = (n) => (n < at ? "done" : n > at || kind === "waiting" ? "" : isFinal(status) ? kind : "now");
  const said = status === "completed" ? "all stages done" : `${STAGES[Math.min(at, 3)].name}: stage ${Math.min(at, 3) + 1} of 4`;
  return html`<span class="stages" role="img" aria-label=${`${Math.round(percentage)} percent, ${said}`} title=${STAGES.map((s) => s.name).join(" → ")}>
    ${STAGES.map((each, n) => html`<i key=${each.id} class=${state(n)}></i>`)}
  </span>`;
}

/** A bar of 0 to 1. */
export function Progress({ value, label }) {
  return html`<progress class="progress" max="1" value=${value} aria-label=${label}></progress>`;
}

/** A type of entity in its colour: with children, these; else the type's name. */
export function TypeTag({ type, children }) {
  return html`<span class="tag" data-type=${type} title=${typeName(type)}>${children ?? typeName(type)}</span>`;
}

/** Nothing to show: what it would be and what to do. */
export function Empty({ icon, title, children, action }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2><p>${children}</p>${action}</div>`;
}

/** Why something cannot be shown, and what to do about it. */
export function Trouble({ fault, again }) {
  return html`<div class="notice trouble" role="alert">
    <${Icon} name="warning" />
    <div><strong>${fault.message}</strong>${fault.advice && html`<p>${fault.advice}</p>`}</div>
    ${again && html`<${Button} small icon="retry" onClick=${again}>Try again<//>`}
  </div>`;
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 3, tall }) {
  return html`<div class=${`skeleton ${tall ? "tall" : ""}`} role="status" aria-label="Loading">
    ${Array.from({ length: lines }, (_, n) => html`<i key=${n}></i>`)}
  </div>`;
}

/** What is asked of the server: its waiting, its fault, or what `children(data)` draws. */
export function Loaded({ of, lines, tall, children }) {
  if (of.data) return html`${of.fault && html`<${Trouble} fault=${of.fault} again=${of.reload} />`}${children(of.data)}`;
  return of.fault ? html`<${Trouble} fault=${of.fault} again=${of.reload} />` : html`<${Skeleton} lines=${lines} tall=${tall} />`;
}
