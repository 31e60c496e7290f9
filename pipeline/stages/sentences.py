"""Sentences by rule: full stops of many scripts, abbreviations, initials, lists, wrapped lines. Linear in the text."""

import re
from collections.abc import Iterator

_END = re.compile(
    r"""(?P<blank>\n[^\S\n]*\n\s*)|(?P<line>\n)"""
    r"""|(?P<full>[。！？｡]+["'”’」』）)\]]*)"""
    r"""|(?P<stop>[.!?…।॥؟۔።]+["'”’»)\]]*(?=\s))"""
)
_LIST_ITEM = re.compile(r"[^\S\n]*(?:[-*+•–—▪◦‣]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]|#{1,6}|>|\|)[^\S\n]")
_LOWER = re.compile(r"\s*[^\w\s]{0,2}[^\W\d_]")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]*\Z")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STARTERS = _words(
    """the a an in on at by it he she we they i you this that these those there but and however when while after before if as
    his her its our their for from since although some many most all no not what who why how"""
)
_ABBREVIATIONS = _words(
    """mr mrs ms dr prof rev hon st sr jr gen col maj capt lt cmdr sgt adm gov sen rep pres fig figs eq eqs sec ch vol vols
    no nos pp p ed eds al et cf vs v viz e.g i.e approx ca dept est inc ltd co corp bros llc plc jan feb mar apr jun jul
    aug sep sept oct nov dec mon tue wed thu fri sat sun art para arts bzw z.b u.a d.h usw ggf nr hr fr mme mlle"""
)
_SHORT_LINE = 45
"""A line shorter than this was not wrapped: it ends where its writer wanted."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence in ``text``, in order, without white space; a heading or a list's line is one."""
    spans = []
    start = 0
    for end in (*_ends(text), len(text)):
        left, right = start, end
        while left < right and text[left].isspace():
            left += 1
        while right > left and text[right - 1].isspace():
            right -= 1
        if left < right:
            spans.append((left, right))
        start = end
    return spans


def _ends(text: str) -> Iterator[int]:
    line = 0
    for found in _END.finditer(text):
        kind = found.lastgroup
        if kind == "stop":
            if not _goes_on(text, line, *found.span()):
                yield found.end()
            continue
        if kind != "line" or _ends_line(text, line, found.start()):
            yield found.end()
        if kind != "full":
            line = found.end()


def _goes_on(text: str, line: int, start: int, end: int) -> bool:
    """Whether the sentence goes on behind a stop: an abbreviation, an initial, the number of a list item, a quotation."""
    following = _LOWER.match(text, end)
    if following and following[0][-1].islower():
        return True
    if text[start] != ".":
        return False
    word = _LAST_WORD.search(text, max(line, start - 20), start)
    last = word[0] if word else ""
    if _LIST_ITEM.fullmatch(text, line, min(end + 1, len(text))):
        return True
    if last.lower() in _ABBREVIATIONS:
        return True
    letters = last.replace(".", "")
    initial = letters.isupper() and (len(letters) == 1 or ("." in last and len(letters) <= 3))
    return initial and text[end : end + 12].split(maxsplit=1)[:1] != [] and not _starts(text, end)


def _starts(text: str, at: int) -> bool:
    return text[at : at + 14].split(maxsplit=1)[0].strip(",;:").lower() in _STARTERS


def _ends_line(text: str, line: int, at: int) -> bool:
    """Whether a line break ends a sentence, or only wraps it."""
    if _LIST_ITEM.match(text, at + 1) or text.startswith("#", line):
        return True
    before = text[max(line, at - 3) : at].rstrip()
    if before[-1:] in ".!?:;…" and before:
        return True
    following = _LOWER.match(text, at + 1)
    return at - line < _SHORT_LINE and not (following and following[0][-1].islower())
