"""Which way up a page is: asked only when reading it as it is gave a doubtful result."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.engines.ocr.layout import characters_trusted
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Page

TURNS = (180, 90, 270)
SURE = 2.0  # Tesseract's own unit; below it the guess is hardly better than chance
FEW_WORDS = 60


class Orientation:
    """Tesseract's detector of orientation, loaded at the first doubtful page."""

    def __init__(self, models: Path) -> None:
        self._folder = weight_files("tessdata-osd", models)["osd.traineddata"].parent
        self._detect: Callable[[Image.Image], dict[str, float] | None] | None = None

    def turn(self, grey: Image.Image) -> int | None:
        """Degrees, clockwise, that put the page upright (0, 90, 180, 270); None where it cannot be told."""
        if self._detect is None:
            self._detect = self._load()
        found = self._detect(grey)
        if found is None or found["orient_conf"] < SURE:
            return None
        return round(found["orient_deg"]) % 360

    def _load(self) -> Callable[[Image.Image], dict[str, float] | None]:
        tesserocr = load_tesserocr()
        api = tesserocr.PyTessBaseAPI(path=str(self._folder), lang="osd", psm=tesserocr.PSM.OSD_ONLY)

        def detect(grey: Image.Image) -> dict[str, float] | None:
            api.SetImage(grey)
            found: dict[str, float] | None = api.DetectOrientationScript()
            api.Clear()
            return found

        return detect


def read_upright(read: Callable[[int], Page], grey: Image.Image, orientation: Orientation, *, sure: float) -> Page:
    """Read a page the way it is, and, where that is doubtful, the way up that it seems to be; the better result.

    Args:
        read: reads the page after a turn of so many degrees, clockwise.
        grey: the page as it is.
        orientation: the detector.
        sure: confidence from which a result is not doubted.
    """
    page = read(0)
    if page.confidence >= sure or not page.words:
        return page
    seen = orientation.turn(grey)
    best = page
    for turn in sorted(TURNS, key=lambda turn: turn != seen):
        # With much text the detector is right; with little it is only the first guess.
        if turn == seen or (seen != 0 and len(page.words) <= FEW_WORDS):
            best = max(best, read(turn), key=characters_trusted)
        if best.confidence >= sure:
            break
    return best


def load_tesserocr() -> Any:  # noqa: ANN401  # the library's types are not complete
    """The library, held to one thread (it reads the limit when it is loaded) and silent.

    Raises:
        Misconfigured: it is not installed.
    """
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        import tesserocr
    except ImportError as fault:
        raise Misconfigured(f"Tesseract cannot be loaded: {fault}. pip install tesserocr", "engine_missing") from fault
    tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
    return tesserocr
