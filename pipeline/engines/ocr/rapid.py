"""PP-OCR through RapidOCR: strong on photographs and receipts, some ten times the work of Tesseract."""

import math
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.engines.ocr.layout import Line, Paragraph, Spot, build_page
from pipeline.engines.ocr.orientation import Orientation, read_upright
from pipeline.engines.ocr.picture import View, is_blank, page_box, picture_of, view
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Engine, Page, PageImage

SURE = 0.85
PARAGRAPH_GAP = 1.2  # heights of a line


class Strip(NamedTuple):
    """A piece of a line as the model finds it: four corners from the top left, clockwise, in pixels of the view."""

    text: str
    corners: NDArray[np.float64]
    confidence: float

    @property
    def middle(self) -> NDArray[np.float64]:
        """Its centre."""
        return np.asarray(self.corners.mean(axis=0))

    @property
    def height(self) -> float:
        """Of its left side."""
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))


class RapidOcr:
    """RapidOCR with the PP-OCRv6 small models of its own package, one thread.

    Args:
        models: folder of prepared models.

    Raises:
        Misconfigured: the package or its weights are missing or wrong.
    """

    def __init__(self, models: Path) -> None:
        files = weight_files("PP-OCRv6-small", models)
        self._read = _load(files["PP-OCRv6_det_small.onnx"], files["PP-OCRv6_rec_small.onnx"])
        self._orientation = Orientation(models)

    @staticmethod
    def description() -> Engine:
        """Name, version and options without loading anything."""
        return Engine("rapidocr", version("rapidocr"), "PP-OCRv6-small")

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return self.description()

    def recognize(self, image: PageImage) -> Page:
        """The page's text, row by row, with words, boxes and confidence.

        Raises:
            BadDocument: the picture cannot be read.
        """
        picture = picture_of(image)
        grey = picture.convert("L")
        if is_blank(grey):
            return build_page(image, [], blank=True)
        colour = picture.convert("RGB")

        def look(turn: int) -> tuple[View, list[Strip]]:
            ready = view(colour, turn=turn)
            return ready, self._strips(ready.picture)

        def read(turn: int) -> Page:
            ready, strips = look(turn)
            if _sideways(strips):  # it reads each such strip turned by 270, and their order is lost
                ready, strips = look((turn + 270) % 360)
            return build_page(image, _paragraphs(strips, ready, image), blank=False)

        return read_upright(read, grey, self._orientation, sure=SURE)

    def _strips(self, picture: Image.Image) -> list[Strip]:
        found = self._read(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))  # it wants blue first
        if found.boxes is None or found.txts is None:
            return []
        corners = np.asarray(found.boxes, np.float64)
        return [
            Strip(text.strip(), box, float(score))
            for text, box, score in zip(found.txts, corners, found.scores, strict=True)
            if text.strip()
        ]


def _load(detector: Path, recognizer: Path) -> Any:  # noqa: ANN401  # the library has no types
    try:
        import cv2
        from rapidocr import RapidOCR
    except ImportError as fault:
        raise Misconfigured(f"RapidOCR cannot be loaded: {fault}. pip install rapidocr", "engine_missing") from fault
    cv2.setNumThreads(1)
    return RapidOCR(
        params={
            "Global.use_cls": False,  # it turns clean lines upside down
            "Global.log_level": "error",
            "Det.model_path": str(detector),
            "Rec.model_path": str(recognizer),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _paragraphs(strips: Sequence[Strip], ready: View, image: PageImage) -> list[Paragraph]:
    """Rows from top to bottom, each from left to right; a wide gap between rows starts a paragraph."""
    if not strips:
        return []
    down = _down(strips)
    usual = float(np.median([strip.height for strip in strips]))
    paragraphs: list[list[Line]] = []
    previous = -math.inf
    for row in _rows(strips, down):
        top = float(np.median([strip.middle @ down for strip in row]))
        if top - previous > (1 + PARAGRAPH_GAP) * usual:
            paragraphs.append([])
        previous = top
        paragraphs[-1].append([spot for strip in row for spot in _words(strip, ready, image)])
    return list(paragraphs)


def _sideways(strips: Iterable[Strip]) -> bool:
    """Whether most of the text runs up or down the page."""
    tall = sum(len(s.text) if s.height > np.linalg.norm(s.corners[1] - s.corners[0]) else -len(s.text) for s in strips)
    return tall > 0


def _down(strips: Iterable[Strip]) -> NDArray[np.float64]:
    """The direction, of length 1, in which lines follow each other: across the longest strips."""
    longest = sorted(strips, key=lambda strip: -len(strip.text))[:20]
    slopes = [math.atan2(*(strip.corners[1] - strip.corners[0])[::-1]) for strip in longest]
    slant = float(np.median(slopes))
    slant = slant if abs(slant) < math.pi / 6 else 0.0
    return np.array([-math.sin(slant), math.cos(slant)])


def _rows(strips: Iterable[Strip], down: NDArray[np.float64]) -> list[list[Strip]]:
    """Strips whose middles lie within half a height of the row's mean are one row."""
    rows: list[list[Strip]] = []
    for strip in sorted(strips, key=lambda strip: float(strip.middle @ down)):
        last = rows[-1] if rows else []
        where = float(np.mean([member.middle @ down for member in last])) if last else -math.inf
        if float(strip.middle @ down) - where < 0.5 * min([strip.height, *(member.height for member in last)]):
            last.append(strip)
        else:
            rows.append([strip])
    across = np.array([down[1], -down[0]])
    return [sorted(row, key=lambda strip: float(strip.middle @ across)) for row in rows]


def _words(strip: Strip, ready: View, image: PageImage) -> list[Spot]:
    """The strip's words, each with its share of the strip's length."""
    top_left, top_right, bottom_right, bottom_left = strip.corners
    length = len(strip.text)
    spots: list[Spot] = []
    at = 0
    for word in strip.text.split():
        start = strip.text.index(word, at)
        at = start + len(word)
        corners = np.array(
            [
                top_left + (top_right - top_left) * share
                if edge == "top"
                else bottom_left + (bottom_right - bottom_left) * share
                for edge in ("top", "bottom")
                for share in (start / length, at / length)
            ]
        )
        spots.append(Spot(word, page_box(corners, ready.to_page, image), min(1.0, strip.confidence)))
    return spots
