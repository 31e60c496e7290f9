// Offsets of the API count code points; strings of JavaScript count UTF-16 units. They differ where a text has signs beyond U+FFFF.
const BEYOND = /[\u{10000}-\u{10FFFF}]/u;

/** How many code points a text has. */
export function lengthOf(text) {
  return BEYOND.test(text) ? [...text].length : text.length;
}

/** A function from a code point's offset to its place in the string. */
export function places(text) {
  if (!BEYOND.test(text)) return (offset) => Math.min(offset, text.length);
  const at = [];
  let unit = 0;
  for (const sign of text) {
    at.push(unit);
    unit += sign.length;
  }
  return (offset) => at[offset] ?? text.length;
}

/** A text in pieces, [{text, marks}]: `marks` are those ({start, end}, code points counted from `origin`) that cover the piece. */
export function pieces(text, marks, origin = 0) {
  const at = places(text);
  const within = (offset) => at(Math.max(0, offset - origin));
  const placed = marks.map((mark) => ({ mark, from: within(mark.start), to: within(mark.end) })).filter(({ from, to }) => from < to);
  const edges = [...new Set([0, text.length, ...placed.flatMap(({ from, to }) => [from, to])])].sort((one, other) => one - other);
  return edges.slice(0, -1).map((edge, n) => ({
    text: text.slice(edge, edges[n + 1]),
    marks: placed.filter(({ from, to }) => from <= edge && to > edge).map(({ mark }) => mark),
  }));
}
