// What is shown of a passage: as much as stands around what was looked for. Offsets are code points of the passage's text.
const LONGEST_GAP = 3;
const BETWEEN = /^[\s\p{P}]*$/u;

/** Highlights that stand side by side as one: [{start, end, words}]. */
export function phrases(text, highlights) {
  const signs = [...text];
  const found = [];
  for (const [start, end] of [...highlights].sort(([one], [other]) => one - other)) {
    const last = found.at(-1);
    const joined = last && start - last.end <= LONGEST_GAP && BETWEEN.test(signs.slice(last.end, start).join(""));
    if (joined) Object.assign(last, { end: Math.max(end, last.end), words: last.words + 1 });
    else found.push({ start, end, words: 1 });
  }
  return found;
}

/** The phrase of most words, the first of them; null if there is none. */
export function bestOf(found) {
  return found.reduce((best, each) => (best && best.words >= each.words ? best : each), null);
}

/** The part of a text around a mark, cut between words: {text, origin, before, after}; `before` and `after`: something was left out. */
export function excerpt(text, mark, room = 300) {
  const signs = [...text];
  if (signs.length <= room) return { text, origin: 0, before: false, after: false };
  const lead = Math.floor(room / 3);
  const wanted = Math.max(0, Math.min((mark?.start ?? 0) - lead, signs.length - room));
  const from = wanted && nextWord(signs, wanted, wanted + lead);
  const end = Math.min(signs.length, Math.max(from + room, (mark?.end ?? 0) + 1));
  const to = end < signs.length ? lastWord(signs, end, mark?.end ?? from) : end;
  return { text: signs.slice(from, to).join(""), origin: from, before: from > 0, after: to < signs.length };
}

const blank = (sign) => /\s/.test(sign);

function nextWord(signs, from, limit) {
  for (let n = from; n < limit; n++) if (blank(signs[n])) return n + 1;
  return from;
}

function lastWord(signs, to, limit) {
  for (let n = to; n > limit; n--) if (blank(signs[n])) return n;
  return to;
}
