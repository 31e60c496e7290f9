"""Tesseract: fast, good on clean print."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.engines.ocr.layout import Paragraph, Spot, build_page
from pipeline.engines.ocr.orientation import Orientation, load_tesserocr, read_upright
from pipeline.engines.ocr.picture import View, is_blank, level, page_box, picture_of, skew_of, view
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Engine, Page, PageImage

SURE = 0.75
LEAST_SIDE = 1300  # pixels: a smaller page is enlarged, for its letters are too small for the model
LARGEST_SCALE = 2.5
MARGIN = 20
NOISE = 0.4  # marks without a letter or digit below this confidence are dirt and rules


class TesseractOcr:
    """Tesseract's neural engine, one thread.

    Args:
        models: folder of prepared models.
        languages: joined by ``+``.
        tessdata: folder with ``<language>.traineddata``; the packaged English unless given.

    Raises:
        Misconfigured: a language's file is missing or wrong.
    """

    def __init__(self, models: Path, languages: str = "eng", tessdata: Path | None = None) -> None:
        folder = tessdata or weight_files("tessdata-eng", models)["eng.traineddata"].parent
        _check_languages(languages, folder)
        self._tesserocr = load_tesserocr()
        self._api = self._load(folder, languages)
        self._orientation = Orientation(models)
        self._languages = languages

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return Engine("tesseract", str(self._api.Version()), self._languages)

    def recognize(self, image: PageImage) -> Page:
        """The page's text in reading order, with words, boxes and confidence.

        Raises:
            BadDocument: the picture cannot be read.
        """
        picture = picture_of(image)
        grey = picture.convert("L")
        if is_blank(grey):
            return build_page(image, [], blank=True)
        even = level(grey)
        scale = min(LARGEST_SCALE, max(1.0, LEAST_SIDE / min(grey.size)))

        def read(turn: int) -> Page:
            upright = even if turn == 0 else view(even, turn=turn).picture
            ready = view(even, turn=turn, skew=skew_of(upright), scale=scale, margin=MARGIN)
            return build_page(image, self._paragraphs(ready, image, scale), blank=False)

        return read_upright(read, even, self._orientation, sure=SURE)

    def _load(self, folder: Path, languages: str) -> Any:  # noqa: ANN401  # the library's types are not complete
        library = self._tesserocr
        try:
            return library.PyTessBaseAPI(path=str(folder), lang=languages, psm=library.PSM.AUTO, oem=library.OEM.LSTM_ONLY)
        except RuntimeError as fault:
            raise Misconfigured(f"Tesseract cannot load {languages!r} from {folder}: {fault}.", "weights_wrong") from fault

    def _paragraphs(self, ready: View, image: PageImage, scale: float) -> list[Paragraph]:
        self._api.SetImage(ready.picture)
        self._api.SetSourceResolution(round(image.dpi * scale))
        try:
            self._api.Recognize()
            table = self._api.GetTSVText(0)
        finally:
            self._api.Clear()
        return list(_group(table, ready, image))


def _group(table: str, ready: View, image: PageImage) -> Iterator[Paragraph]:
    """Tesseract's table of words (level, page, block, paragraph, line, word, box, confidence, text) as paragraphs."""
    rows = [row for line in table.splitlines() if len(row := line.split("\t")) == 12 and _is_word(row)]
    for _, paragraph in groupby(rows, key=lambda row: row[2:4]):
        yield [[_spot(row, ready, image) for row in line] for _, line in groupby(paragraph, key=lambda row: row[4])]


def _is_word(row: list[str]) -> bool:
    text, confidence = row[11].strip(), float(row[10]) / 100
    return row[0] == "5" and bool(text) and (confidence >= NOISE or any(map(str.isalnum, text)))


def _spot(row: list[str], ready: View, image: PageImage) -> Spot:
    left, top, width, height = map(float, row[6:10])
    corners = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
    return Spot(row[11].strip(), page_box(corners, ready.to_page, image), min(1.0, max(0.0, float(row[10]) / 100)))


def _check_languages(languages: str, folder: Path) -> None:
    for language in languages.split("+"):
        if not (folder / f"{language}.traineddata").is_file():
            raise Misconfigured(
                f"Tesseract's file {language}.traineddata is not in {folder}. Put it there, or set OCR_TESSDATA.",
                "weights_missing",
            )
