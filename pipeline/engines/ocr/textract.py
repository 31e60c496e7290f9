"""Textract for single pages: an image is sent, and its text comes back at once."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from pipeline.aws import ENVIRONMENT, AwsAccess
from pipeline.engines.ocr.layout import POINTS, build_page
from pipeline.engines.ocr.picture import is_blank, picture_of
from pipeline.engines.ocr.textract_blocks import PageBlocks, block_of
from pipeline.engines.ocr.textract_client import ENDPOINT, VERSION, asking, features_of, model_of, placed, textract
from pipeline.engines.ocr.textract_limits import fitting
from pipeline.engines.ocr.textract_page import page_of
from pipeline.engines.remote.calling import fingerprint_of
from pipeline.errors import BadDocument
from pipeline.model import Engine, Page, PageImage, Usage
from pipeline.ports import AnswerCache, Meter, metered, remembered

if TYPE_CHECKING:
    from types_boto3_textract.type_defs import BlockTypeDef

NO_PICTURE = b"nlp-pipeline doctor"


class TextractOcr:
    """``OcrEngine`` by Textract. Thread-safe; make it after the process has forked.

    The AWS keys need textract:DetectDocumentText, with features textract:AnalyzeDocument.

    Args:
        features: of ``TABLES``, ``FORMS`` and ``LAYOUT``; each costs more, none is plain text.
        access: region and keys.
        meter: counts the pages; nobody unless given.
        answers: keeps what was answered, so that a document that is read again is not paid for again.

    Raises:
        Misconfigured: boto3 is not installed, there is no region, or no such feature.
    """

    def __init__(
        self,
        features: Sequence[str] = (),
        access: AwsAccess = ENVIRONMENT,
        meter: Meter | None = None,
        answers: AnswerCache | None = None,
    ) -> None:
        self._features = features_of(features)
        self._access = access
        self._meter = meter
        self._answers = answers
        self._client = textract(access)

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return Engine("textract", VERSION, "+".join(self._features))

    def recognize(self, image: PageImage) -> Page:
        """The page's text in reading order, with words, boxes and confidence; a blank page is not sent.

        Raises:
            BadDocument: the picture cannot be read.
            Throttled: Textract asks to slow down.
            OverBudget: the budget is used up.
            Misconfigured: keys, permission or region are wrong.
            ServiceUnavailable: no answer.
        """
        picture = picture_of(image)
        if is_blank(picture.convert("L")):
            return build_page(image, [], blank=True)
        content = fitting(picture)
        blocks = PageBlocks(image.number)
        for each in self._answered(content):
            blocks.add(block_of(each)[1])
        scale = POINTS / max(image.dpi, 1)
        return page_of(blocks, image.width * scale, image.height * scale)

    def probe(self) -> str:
        """A real call that costs nothing, with what is no picture; says where Textract is.

        Raises:
            Misconfigured: keys, permission or region are wrong.
            ServiceUnavailable: no answer.
        """
        region = self._client.meta.region_name
        with placed(self._access, region), suppress(BadDocument):
            self._blocks(NO_PICTURE)
        return f"Textract in {region}"

    def _answered(self, content: bytes) -> list["BlockTypeDef"]:
        if self._answers is None:
            return self._paid(content)
        fingerprint = fingerprint_of("textract", *self._features, content)
        return cast(
            "list[BlockTypeDef]",
            json.loads(remembered(self._answers, fingerprint, lambda: json.dumps(self._paid(content)))),
        )

    def _paid(self, content: bytes) -> list["BlockTypeDef"]:
        page = Usage(ENDPOINT, model_of(self._features), pages=1)
        with metered(self._meter, page) as paid:
            blocks = self._blocks(content)
            paid(page)
        return blocks

    def _blocks(self, content: bytes) -> list["BlockTypeDef"]:
        with asking():
            if self._features:
                return self._client.analyze_document(Document={"Bytes": content}, FeatureTypes=self._features)["Blocks"]
            return self._client.detect_document_text(Document={"Bytes": content})["Blocks"]
