"""Tesseract first; RapidOCR only for a page that Tesseract is unsure of."""

from pathlib import Path

from pipeline.engines.ocr.layout import characters_trusted
from pipeline.engines.ocr.rapid import RapidOcr
from pipeline.engines.ocr.tesseract import TesseractOcr
from pipeline.engines.weights import weight_files
from pipeline.model import Engine, Page, PageImage

SURE = 0.85  # measured: clean print lies at 0.88 and above, receipts and photographs at 0.5 to 0.8


class AutoOcr:
    """The fast engine, and the strong one where its result is doubtful; of two results the better.

    Args:
        models: folder of prepared models.
        languages: Tesseract's, joined by ``+``.
        tessdata: folder of Tesseract's language files; the packaged English unless given.

    Raises:
        Misconfigured: weights of either engine are missing or wrong.
    """

    def __init__(self, models: Path, languages: str = "eng", tessdata: Path | None = None) -> None:
        self._fast = TesseractOcr(models, languages, tessdata)
        weight_files("PP-OCRv6-small", models)  # a fault shows at the start, not at the first photograph
        self._models = models
        self._strong: RapidOcr | None = None

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        strong = RapidOcr.description()
        fast = self._fast.engine
        return Engine(
            "auto", f"{fast.version}+{strong.version}", f"{fast.name}:{fast.options} {strong.name}:{strong.options}"
        )

    def recognize(self, image: PageImage) -> Page:
        """The page's text in reading order, with words, boxes and confidence.

        Raises:
            BadDocument: the picture cannot be read.
        """
        page = self._fast.recognize(image)
        if page.confidence >= SURE:
            return page
        if self._strong is None:
            self._strong = RapidOcr(self._models)
        return max(page, self._strong.recognize(image), key=characters_trusted)
