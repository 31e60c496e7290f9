"""From words with places to a page's text: lines, paragraphs, offsets, confidence."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.model import Box, Page, PageImage, Source, Word

POINTS = 72


class Spot(NamedTuple):
    """A word as an engine found it: its box in fractions of the page, its confidence (0 to 1)."""

    text: str
    box: Box
    confidence: float


Line = Sequence[Spot]
Paragraph = Sequence[Line]


def build_page(image: PageImage, paragraphs: Sequence[Paragraph], *, blank: bool) -> Page:
    """The page's text with a line break after each line and an empty line between paragraphs.

    Args:
        image: where the words were found.
        paragraphs: in reading order; none of the words empty.
        blank: nothing was to be read, so that finding nothing is certain.
    """
    words: list[Word] = []
    text = ""
    for paragraph in paragraphs:
        text += "\n\n" if text else ""
        for line_number, line in enumerate(paragraph):
            for word_number, spot in enumerate(line):
                text += " " if word_number else "\n" if line_number else ""
                words.append(Word(len(text), len(text) + len(spot.text), spot.box, spot.confidence))
                text += spot.text
    scale = POINTS / max(image.dpi, 1)
    return Page(
        number=image.number,
        text=text,
        source=Source.OCR,
        confidence=mean_confidence(words) if words else float(blank),
        words=tuple(words),
        width=image.width * scale,
        height=image.height * scale,
    )


def mean_confidence(words: Sequence[Word]) -> float:
    """Mean over the characters; 0 without words."""
    length = sum(word.end - word.start for word in words)
    return sum(word.confidence * (word.end - word.start) for word in words) / length if length else 0.0


def characters_trusted(page: Page) -> float:
    """How much of value a result holds: letters and digits, each counted as the square of its word's confidence."""
    return sum(word.confidence**2 * sum(map(str.isalnum, page.text[word.start : word.end])) for word in page.words)
