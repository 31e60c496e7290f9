"""Textract's jobs: a whole file is handed in where it lies in S3, and its pages are fetched when they are ready."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pipeline.aws import ENVIRONMENT, AwsAccess
from pipeline.engines.ocr.textract_blocks import pages_of
from pipeline.engines.ocr.textract_client import (
    ENDPOINT,
    JOB_LOST,
    NOT_FETCHED,
    VERSION,
    asking,
    features_of,
    model_of,
    placed,
    textract,
)
from pipeline.engines.ocr.textract_limits import admit
from pipeline.engines.ocr.textract_page import page_of
from pipeline.errors import BadDocument, NotReady, PipelineError, ServiceUnavailable
from pipeline.model import Engine, FailedPage, ObjectPlace, Page, Usage

if TYPE_CHECKING:
    from types_boto3_textract.type_defs import (
        BlockTypeDef,
        GetDocumentAnalysisResponseTypeDef,
        GetDocumentTextDetectionRequestTypeDef,
        GetDocumentTextDetectionResponseTypeDef,
        StartDocumentTextDetectionRequestTypeDef,
    )

    Answer = GetDocumentTextDetectionResponseTypeDef | GetDocumentAnalysisResponseTypeDef

TEXT, ANALYSIS = "text", "analysis"
ABSENT = "nlp-pipeline-doctor"
BLOCKS_AT_ONCE = 1000
ATTEMPTS = 8  # of each call for a part of a result: there may be thousands, and one refused must not undo the others
SOONEST, LATEST = 5.0, 60.0  # seconds between two looks at a job
GROWTH = 0.25  # of the time that it has run


class Notices(NamedTuple):
    """Where Textract says that a job has ended: a topic of SNS, and the role by which it may write there."""

    topic_arn: str
    role_arn: str


class TextractJobs:
    """``DocumentOcr`` by Textract. Thread-safe; make it after the process has forked.

    The AWS keys need textract:StartDocumentTextDetection and textract:GetDocumentTextDetection, with features
    textract:StartDocumentAnalysis and textract:GetDocumentAnalysis, and s3:GetObject on the files.

    Args:
        features: of ``TABLES``, ``FORMS`` and ``LAYOUT``; each costs more, none is plain text.
        access: region and keys.
        notices: where the end of a job is told; nowhere unless given.

    Raises:
        Misconfigured: boto3 is not installed, there is no region, or no such feature.
    """

    def __init__(
        self, features: Sequence[str] = (), access: AwsAccess = ENVIRONMENT, notices: Notices | None = None
    ) -> None:
        self._features = features_of(features)
        self._access = access
        self._notices = notices
        self._client = textract(access)
        self._patient = textract(access, ATTEMPTS)

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return Engine("textract", VERSION, "+".join(self._features))

    def admit(self, media_type: str, size: int, pages: int = 0) -> None:
        """Refuse a file that Textract would refuse.

        Raises:
            BadDocument: with code ``unsupported_format``, ``too_large`` or ``too_many_pages``.
        """
        admit(media_type, size, pages)

    def usage(self, pages: int) -> Usage:
        """What reading so many pages uses, for the books."""
        return Usage(ENDPOINT, model_of(self._features), pages=pages)

    def submit(self, place: ObjectPlace, token: str, tag: str = "") -> str:
        """Start a job; the same place, features and token give the same job.

        Raises:
            BadDocument: Textract does not read this file.
            Throttled: too many calls, or too many jobs at once.
            Misconfigured: keys, permission, region or bucket are wrong.
            ServiceUnavailable: no answer.
        """
        request: StartDocumentTextDetectionRequestTypeDef = {
            "DocumentLocation": {"S3Object": {"Bucket": place.bucket, "Name": place.key}},
            "ClientRequestToken": _digest(token, *place, *self._features, *(self._notices or ())),
        }
        if tag:
            request["JobTag"] = tag
        if self._notices:
            topic, role = self._notices
            request["NotificationChannel"] = {"SNSTopicArn": topic, "RoleArn": role}
        with asking(f"s3://{place.bucket}/{place.key}"):
            if self._features:
                analysis = self._client.start_document_analysis(FeatureTypes=self._features, **request)
                return job_name(ANALYSIS, analysis["JobId"])
            return job_name(TEXT, self._client.start_document_text_detection(**request)["JobId"])

    def check(self, job: str, waited: float) -> Iterator[Page | FailedPage]:
        """The pages in order, one by one, each with all that is known of it; then those that could not be read.

        Args:
            job: as ``submit`` or a notice named it.
            waited: seconds since it was submitted.

        Raises:
            NotReady: it still runs; the next look is the later the longer it has. Raised by the call itself.
            BadDocument: Textract could not read the file.
            ServiceUnavailable: no answer, now or while pages come; with code ``job_lost`` the job is no more.
        """
        first = self._part(job)
        status, said = first["JobStatus"], first.get("StatusMessage", "")
        if status == "IN_PROGRESS":
            soon = min(LATEST, max(SOONEST, GROWTH * waited))
            raise NotReady("Textract is still reading the file.", check_again_in=soon)
        if status == "FAILED":
            raise _failure(said)
        return self._pages(job, first)

    def probe(self, bucket: str) -> str:
        """Real calls that cost nothing, for a file and a job that do not exist; says where Textract is.

        Args:
            bucket: where files will lie. Whether Textract may read them there shows only with the first of them.

        Raises:
            Misconfigured: keys, permission or region are wrong.
            ServiceUnavailable: no answer.
        """
        region = self._client.meta.region_name
        kind = ANALYSIS if self._features else TEXT
        with placed(self._access, region):
            with _expected(NOT_FETCHED):
                self.submit(ObjectPlace(bucket, ABSENT), ABSENT)
            with _expected(JOB_LOST):
                self._part(job_name(kind, ABSENT))
        return f"Textract in {region}"

    def _pages(self, job: str, first: "Answer") -> Iterator[Page | FailedPage]:
        warned: dict[int, str] = {}
        missing = set(range(1, first["DocumentMetadata"].get("Pages", 0) + 1))
        for blocks in pages_of(self._blocks(job, first, warned)):
            missing.discard(blocks.number)
            page = page_of(blocks)
            if page.text or blocks.number not in warned:
                yield page
        for number in sorted(missing | warned.keys()):
            code = warned.get(number, "")
            yield FailedPage(number, f"Textract could not read page {number}{f' ({code})' if code else ''}.")

    def _blocks(self, job: str, answer: "Answer", warned: dict[int, str]) -> Iterator[list["BlockTypeDef"]]:
        """The blocks of one answer after the other; pages that failed are noted in ``warned``."""
        while True:
            for warning in answer.get("Warnings", ()):
                warned.update(dict.fromkeys(warning.get("Pages", ()), warning.get("ErrorCode", "")))
            yield answer["Blocks"]
            if not (more := answer.get("NextToken")):
                return
            answer = self._part(job, more)

    def _part(self, job: str, after: str = "") -> "Answer":
        kind, _, job_id = job.partition(":")
        request: GetDocumentTextDetectionRequestTypeDef = {"JobId": job_id, "MaxResults": BLOCKS_AT_ONCE}
        if after:
            request["NextToken"] = after
        with asking():
            if kind == ANALYSIS:
                return self._patient.get_document_analysis(**request)
            return self._patient.get_document_text_detection(**request)


@contextmanager
def _expected(code: str) -> Iterator[None]:
    try:
        yield
    except PipelineError as fault:
        if fault.code != code:
            raise


def job_name(kind: str, job_id: str) -> str:
    """What a job is known by: its id alone does not say which call fetches its results."""
    return f"{kind}:{job_id}"


def _digest(*parts: str) -> str:
    """A token that Textract takes: 64 letters and digits, the same for the same parts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _failure(said: str) -> PipelineError:
    if "INTERNAL" in said.upper():
        return ServiceUnavailable(f"Textract failed by its own fault ({said}).", JOB_LOST)
    return BadDocument(f"Textract could not read the file{f' ({said})' if said else ''}.", "unreadable")
