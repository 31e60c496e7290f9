"""Numbers of Word's lists and headings: stored as rules, shown as "2.1", so counted here while the text is read."""

from typing import NamedTuple

from lxml import etree

from pipeline.readers.archive import local_name

_ROMAN = {1000: "m", 900: "cm", 500: "d", 400: "cd", 100: "c", 90: "xc", 50: "l", 40: "xl"} | {
    10: "x",
    9: "ix",
    5: "v",
    4: "iv",
    1: "i",
}
_LEVELS = 9


class _Level(NamedTuple):
    """How one level of a list counts and looks."""

    start: int = 1
    kind: str = "decimal"
    pattern: str = ""


class Place(NamedTuple):
    """The list and level that a paragraph or style belongs to; ``list_id`` "" or "0" for none."""

    list_id: str = ""
    level: int = 0


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its name without the namespace; "" if missing."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), "")


def place_of(properties: etree._Element | None) -> Place | None:
    """What ``w:pPr`` says of numbering; None if nothing."""
    found = properties.find("./{*}numPr") if properties is not None else None
    if found is None:
        return None
    values = {local_name(item): attribute(item, "val") for item in found}
    level = values.get("ilvl", "0")
    return Place(values.get("numId", ""), min(int(level), _LEVELS - 1) if level.isdigit() else 0)


class Numbers:
    """Counts the paragraphs of every list of one document."""

    def __init__(self, root: etree._Element | None) -> None:
        self._rules: dict[str, tuple[str, dict[int, _Level]]] = {}
        self._counts: dict[str, list[int]] = {}
        if root is None:
            return
        abstract = {attribute(item, "abstractNumId"): _levels(item) for item in root.iterfind("./{*}abstractNum")}
        for item in root.iterfind("./{*}num"):
            base = next((attribute(child, "val") for child in item if local_name(child) == "abstractNumId"), "")
            own: dict[int, _Level] = {}
            for change in item.iterfind("./{*}lvlOverride"):
                own |= _levels(change)
            counted_with = attribute(item, "numId") if own else f"abstract {base}"
            self._rules[attribute(item, "numId")] = (counted_with, abstract.get(base, {}) | own)

    def label(self, place: Place | None) -> str:
        """What stands before the next paragraph at this place, with a space; "" for no list."""
        if place is None or place.list_id not in self._rules:
            return ""
        counted_with, levels = self._rules[place.list_id]
        level = levels.get(place.level, _Level())
        counts = self._counts.setdefault(counted_with, [0] * _LEVELS)
        counts[place.level] = counts[place.level] + 1 if counts[place.level] else level.start
        counts[place.level + 1 :] = [0] * (_LEVELS - place.level - 1)
        if level.kind == "bullet":
            return "- "
        text = level.pattern
        for index in range(place.level + 1):
            shown = levels.get(index, _Level())
            text = text.replace(f"%{index + 1}", _written(counts[index] or shown.start, shown.kind))
        return f"{text} " if text else ""


def _levels(parent: etree._Element) -> dict[int, _Level]:
    found = {}
    for item in parent.iterfind("./{*}lvl"):
        values = {local_name(child): attribute(child, "val") for child in item}
        start, index = values.get("start", "1"), attribute(item, "ilvl")
        kind = values.get("numFmt", "decimal")
        if index.isdigit():
            found[int(index)] = _Level(int(start) if start.isdigit() else 1, kind, values.get("lvlText", ""))
    return found


def _written(number: int, kind: str) -> str:
    """A number as a list of this kind shows it."""
    if kind.endswith("Letter"):
        text = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 10)
    elif kind.endswith("Roman"):
        text = _roman(min(number, 4000))
    else:
        return "" if kind == "none" else f"{number:02d}" if kind == "decimalZero" else str(number)
    return text.upper() if kind.startswith("upper") else text


def _roman(number: int) -> str:
    text = ""
    for value, sign in _ROMAN.items():
        text += sign * (number // value)
        number %= value
    return text
