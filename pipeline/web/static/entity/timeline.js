// When: dates that stand near a name, drawn on a line and listed.
import { useAsked } from "../core/asked.js";
import { html, useRef, useState } from "../core/lib.js";
import { count, dateAs, number } from "../core/words.js";
import { Passage } from "../ui/passage.js";
import { Loaded } from "../ui/shown.js";
import { Panel } from "./panel.js";

const FEW = 4;
const TICKS = 6;

export function Timeline({ entity }) {
  const asked = useAsked(`/api/entities/${entity.id}/timeline`);
  if (asked.data && !asked.data.entries.length) return null;
  return html`<${Panel} title="When">
    <${Loaded} of=${asked} lines=${4}>${({ entries, more }) => html`<${Line} entries=${entries} more=${more} />`}<//>
  <//>`;
}

function Line({ entries, more }) {
  const [all, setAll] = useState(false);
  const [lit, setLit] = useState("");
  const list = useRef();
  const shown = all ? entries : entries.slice(0, FEW);
  const to = (entry) => {
    setAll(all || entries.indexOf(entry) >= FEW);
    setLit(entry.date);
    requestAnimationFrame(() => list.current.querySelector(`[data-date="${entry.date}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" }));
  };
  return html`
    ${entries.length > 1 && html`<${Drawn} entries=${entries} lit=${lit} to=${to} />`}
    <ol class="moments" ref=${list}>
      ${shown.map(
        (entry) => html`<li key=${entry.date} data-date=${entry.date} class=${entry.date === lit ? "lit" : ""}>
          <h3><time datetime=${entry.date}>${dateAs(entry.date, entry.precision)}</time> ${entry.mentions > 1 && html`<span class="muted small">${count(entry.mentions, "time")}</span>`}</h3>
          <ul>${entry.passages.slice(0, all ? 5 : 1).map((passage, n) => html`<li key=${n}><${Passage} passage=${passage} room=${220} /></li>`)}</ul>
        </li>`,
      )}
    </ol>
    ${shown.length < entries.length && html`<button type="button" class="button small quiet" onClick=${() => setAll(true)}>Show all ${number(entries.length)}</button>`}
    ${more && html`<p class="muted small">Only the dates that stand nearest to the name are shown.</p>`}
  `;
}

/** A line with a dot for each moment; it repeats what the list says, so it is kept from screen readers. */
function Drawn({ entries, lit, to }) {
  const at = entries.map((entry) => middleOf(entry));
  const [first, last] = [at[0], at.at(-1)];
  const span = last - first || 1;
  const share = (moment) => 3 + (94 * (moment - first)) / span;
  const most = Math.max(...entries.map((entry) => entry.mentions));
  return html`<div class="line" aria-hidden="true">
    ${ticks(first, last).map(({ moment, name }) => html`<span key=${name} class="tick" style=${{ left: `${share(moment)}%` }}>${name}</span>`)}
    ${entries.map((entry, n) => {
      const size = 9 + 11 * Math.sqrt(entry.mentions / most);
      return html`<button type="button" key=${entry.date} tabindex="-1" class=${entry.date === lit ? "lit" : ""} title=${`${dateAs(entry.date, entry.precision)}: ${count(entry.mentions, "time")}`}
        style=${{ left: `${share(at[n])}%`, width: `${size}px`, height: `${size}px` }} onClick=${() => to(entry)}></button>`;
    })}
  </div>`;
}

const DAY = 86400000;
const HALF = { day: 0.5, month: 15, year: 182 };

function middleOf({ date, precision }) {
  const [year, month = 1, day = 1] = date.split("-").map(Number);
  return Date.UTC(year, month - 1, day) + HALF[precision] * DAY;
}

/** Years or, within a few of them, months that divide the line well: [{moment, name}]. */
function ticks(first, last) {
  const months = (last - first) / (30.44 * DAY);
  const step = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find((each) => months / each <= TICKS) ?? 2400;
  const begin = new Date(first);
  const found = [];
  for (let month = Math.ceil((begin.getUTCFullYear() * 12 + begin.getUTCMonth()) / step) * step; ; month += step) {
    const moment = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (moment > last) return found;
    if (moment >= first) found.push({ moment, name: step < 12 ? SHORT.format(moment) : String(Math.floor(month / 12)) });
  }
}

const SHORT = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
