"""Web pages: the main text where the page marks it, else all that a person would see, block by block."""

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from pipeline.model import DocumentInfo, Page, ReadEvent
from pipeline.readers.clean import clean, tidy
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import MEGABYTE, Limits
from pipeline.readers.text import decode

_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_SCRIPT = re.compile(r"<(script|style)\b.*?</\1", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_BLOCK, _PARAGRAPH = "\v", "\f"
_GAP = re.compile(r"\s{2,}|[\v\f]")
_SPACE = re.compile(r"\s+")
_LEFT_OUT = {"script", "style", "noscript", "template", "head", "svg", "object", "iframe", "select", "datalist"}
_AROUND = frozenset({"nav", "aside", "footer"})
_BLOCKS = {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt",
           "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "nav", "ol",
           "section", "summary", "table", "caption", "tbody", "thead", "tfoot", "tr", "ul", "option", "frame"}  # fmt: skip
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "blockquote", "ul", "ol", "dl"}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the page's visible text as one page, its title as metadata."""
    if path.stat().st_size > limits.text_size * MEGABYTE:
        raise bad(Fault.TOO_LARGE)
    title, text = visible_text(path.read_bytes())
    yield DocumentInfo(found.media_type, {"title": title} if title else {})
    yield Page(1, text)


def visible_text(content: bytes, declared: str = "") -> tuple[str, str]:
    """Title and text of a web page; the title heads the text unless it stands there already."""
    marked = _CHARSET.search(content[:4096])
    source, _ = decode(content, declared or (marked[1].decode("ascii") if marked else ""))
    source = _DECLARATION.sub("", clean(source), count=1)
    if not source.strip():
        return "", ""
    parser = lxml_html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(source, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return "", ""
    title = _SPACE.sub(" ", root.findtext(".//title") or "").strip()
    if any("depth" in entry.message for entry in parser.error_log):
        text = tidy(_TAG.sub(" ", _SCRIPT.sub(" ", source)))
    else:
        text = tidy(_GAP.sub(_gap, "".join(_walk(*_main(root)))))
    if title and title.casefold() not in _SPACE.sub(" ", text).casefold():
        text = f"{title}\n\n{text}".rstrip()
    return title, text


def _gap(match: re.Match[str]) -> str:
    """What separates two pieces: an empty line between paragraphs, a line end between blocks."""
    gap = match[0]
    if _PARAGRAPH in gap or gap.count("\n") > 1:
        return "\n\n"
    return "\n" if _BLOCK in gap or "\n" in gap else "\t" if "\t" in gap else gap


def _main(root: etree._Element) -> tuple[etree._Element, frozenset[str]]:
    """What the page marks as its main text, and what to leave out of it; the whole page if that is less than half."""
    marked = list(root.iter("main")) or root.xpath("//*[@role='main']") or list(root.iter("article"))
    if len(marked) == 1 and 2 * _letters(marked[0]) >= _letters(root):
        return marked[0], _AROUND
    return root, frozenset()


def _letters(element: etree._Element) -> int:
    shown = (part for part in element.iter() if part.tag not in _LEFT_OUT)
    return sum(len((text or "").strip()) for part in shown for text in (part.text, part.tail))


def _walk(root: etree._Element, without: frozenset[str]) -> Iterator[str]:
    """Pieces of text and line ends, without recursion: a hostile page nests as deeply as it likes."""
    walker = etree.iterwalk(root, events=("start", "end"))
    preformatted = 0
    for event, element in walker:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _LEFT_OUT or tag in without or _hidden(element):
                walker.skip_subtree()
                continue
            preformatted += tag == "pre"
            yield _opening(tag, element)
            yield _inline(element.text, preformatted)
        else:
            if tag not in _LEFT_OUT and tag not in without and not _hidden(element):
                preformatted -= tag == "pre"
                yield _closing(tag)
            if element is not root:
                yield _inline(element.tail, preformatted)


def _hidden(element: etree._Element) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style") or ""))


def _inline(text: str | None, preformatted: int) -> str:
    if not text:
        return ""
    return text if preformatted else _SPACE.sub(" ", text)


def _opening(tag: str, element: etree._Element) -> str:
    if tag in _PARAGRAPHS:
        level = int(tag[1]) if tag[0] == "h" and tag[1:].isdigit() else 0
        return _PARAGRAPH + ("#" * level + " " if level else "")
    if tag == "br":
        return "\n"
    if tag == "li":
        return _BLOCK + "- "
    if tag == "img":
        return f" {element.get('alt', '')} "
    if tag in {"input", "button"} and element.get("type", "").lower() not in {"hidden", "password"}:
        return f" {element.get('value', '')} "
    return _BLOCK if tag in _BLOCKS else ""


def _closing(tag: str) -> str:
    if tag in _PARAGRAPHS:
        return _PARAGRAPH
    if tag in {"td", "th"}:
        return "\t"
    return _BLOCK if tag in _BLOCKS else ""
