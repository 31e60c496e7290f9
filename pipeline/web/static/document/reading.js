// The text of a page as a person reads it: headings, lists, tables and an e-mail's head are told by their lines.
import { html } from "../core/lib.js";
import { lengthOf } from "../core/text.js";
import { HIT, Marked } from "./marked.js";

const HEADING = /^(#{1,6})\s+/;
const ITEM = /^\s*[-*•]\s+/;
const TABLE = /^\s*\|/;
const CELLS = /\t/;
const RULE = /^\s*\|?[\s:|-]+\|?\s*$/;
const STRESSED = /(?<![\w*])(\*{1,2})(?=[^\s*])(.*?[^\s*])\1(?![\w*])/g;
const FIELD = /^(From|To|Cc|Bcc|Date|Sent|Subject|Reply-To):\s/i;

/** `hit`: {start, end} or null. */
export function Reading({ page, mentions, hit, lit, point }) {
  const marks = hit ? [...mentions, { ...hit, type: HIT }] : mentions;
  const show = (line, skip = 0) => html`<${Line} line=${line} skip=${skip} marks=${marks} lit=${lit} point=${point} />`;
  return html`<div class="reading">${blocksOf(linesOf(page.text, page.start)).map((block, n) => html`<${Block} key=${n} ...${block} show=${show} />`)}</div>`;
}

/** [{text, start, end}] of each line; offsets in code points of the document. */
function linesOf(text, origin) {
  let start = origin;
  return text.split("\n").map((line) => {
    const length = lengthOf(line);
    const found = { text: line, start, end: start + length };
    start += length + 1;
    return found;
  });
}

function kindOf(line) {
  if (!line.text.trim()) return "gap";
  if (HEADING.test(line.text)) return "heading";
  if (TABLE.test(line.text)) return "table";
  if (CELLS.test(line.text)) return "grid";
  if (ITEM.test(line.text)) return "list";
  return FIELD.test(line.text) ? "fields" : "text";
}

/** Lines of one kind that stand together. */
function blocksOf(lines) {
  const blocks = [];
  for (const line of lines) {
    const kind = kindOf(line);
    const last = blocks.at(-1);
    if (kind !== "gap" && last?.kind === kind && kind !== "heading") last.lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return blocks.filter((block) => block.kind !== "gap");
}

function Block({ kind, lines, show }) {
  if (kind === "heading") {
    const [sign, { length }] = lines[0].text.match(HEADING);
    return html`<p class="heading" role="heading" aria-level=${Math.min(6, length + 1)} data-level=${length}>${show(lines[0], sign.length)}</p>`;
  }
  if (kind === "list") return html`<ul class="bullets">${lines.map((line) => html`<li>${show(line, line.text.match(ITEM)[0].length)}</li>`)}</ul>`;
  if (kind === "grid" && lines.length > 1) {
    return html`<div class="grid-lines" tabindex="0" role="group" aria-label="Table"><table>
      <tbody>${lines.map((line) => html`<tr>${cellsOf(line).map((cell) => html`<td>${show(cell)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
  }
  if (kind === "table") return html`<div class="table-lines" tabindex="0" role="group" aria-label="Table">${lines.filter((line) => !RULE.test(line.text)).map((line) => html`<div>${show(line)}</div>`)}</div>`;
  return html`<p class=${kind}>${lines.map((line) => html`<span class="text-line">${show(line)}</span>`)}</p>`;
}

/** The cells of a line, which tabs part. */
function cellsOf(line) {
  let { start } = line;
  return line.text.split("\t").map((text) => {
    const cell = { text, start, end: start + lengthOf(text) };
    start = cell.end + 1;
    return cell;
  });
}

function Line({ line, skip, marks, lit, point }) {
  const own = marks.filter((mark) => mark.start < line.end && mark.end > line.start + skip);
  return stretches(line.text.slice(skip), line.start + skip).map(({ text, start, sign }) => {
    const shown = html`<${Marked} text=${text} origin=${start} marks=${own} lit=${lit} point=${point} />`;
    return sign ? (sign.length > 1 ? html`<strong>${shown}</strong>` : html`<em>${shown}</em>`) : shown;
  });
}

/** [{text, start, sign}] of a line that begins at `origin`; the signs around what is *stressed* or **bold** are left out. */
function stretches(line, origin) {
  const found = [];
  const take = (from, to, sign) => from < to && found.push({ text: line.slice(from, to), start: origin + lengthOf(line.slice(0, from)), sign });
  let last = 0;
  for (const { index, 0: whole, 1: sign } of line.matchAll(STRESSED)) {
    take(last, index);
    take(index + sign.length, index + whole.length - sign.length, sign);
    last = index + whole.length;
  }
  take(last, line.length);
  return found;
}
