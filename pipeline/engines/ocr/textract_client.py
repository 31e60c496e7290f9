"""The client of Textract, the features that are asked of it, and its errors in ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from pipeline.aws import AwsAccess, code_of, patience, session, translated
from pipeline.errors import BadDocument, Misconfigured, PipelineError, ServiceUnavailable

if TYPE_CHECKING:
    from types_boto3_textract import TextractClient
    from types_boto3_textract.literals import FeatureTypeType

SERVICE = "Textract"
ENDPOINT = "textract"
VERSION = "1"
"""Of the rules that make text of its answers."""
JOB_LOST, NOT_FETCHED = "job_lost", "not_fetched"
FEATURES = ("FORMS", "LAYOUT", "TABLES")
_DOCUMENT = {
    "UnsupportedDocumentException": ("Textract does not read files of this kind.", "unsupported_format"),
    "DocumentTooLargeException": ("The file is too large for Textract.", "too_large"),
    "BadDocumentException": ("Textract cannot read the file.", "unreadable"),
    "InvalidParameterException": ("Textract refuses the file.", "refused"),
}
_OBJECT = "Its keys need s3:GetObject there, and the bucket must be in Textract's own region (AWS_REGION)."


def features_of(names: Sequence[str]) -> list["FeatureTypeType"]:
    """The features in a fixed order, none twice.

    Raises:
        Misconfigured: there is no such feature.
    """
    wanted = sorted({name.strip().upper() for name in names} - {""})
    if unknown := [name for name in wanted if name not in FEATURES]:
        raise Misconfigured(f"Textract has no feature {unknown[0]!r}, but {', '.join(FEATURES)}.", "unknown_feature")
    return cast("list[FeatureTypeType]", wanted)


def model_of(features: Sequence[str]) -> str:
    """What prices call it: ``textract:text``, ``textract:tables``, ``textract:forms+tables``."""
    return f"textract:{'+'.join(features).lower() or 'text'}"


def textract(access: AwsAccess, attempts: int = 1) -> "TextractClient":
    """A client, safe in threads; it calls ``attempts`` times in all.

    Raises:
        Misconfigured: boto3 is not installed, or no region is set.
    """
    with translated(SERVICE):
        return session(access).client("textract", config=patience(attempts), endpoint_url=access.endpoint_url or None)


@contextmanager
def asking(place: str = "") -> Iterator[None]:
    """Turn Textract's errors into ours; ``place`` is the file that it is asked to fetch.

    Raises:
        BadDocument: it does not read this file.
        Misconfigured: it may not be used, or may not read the file's place.
        Throttled: it asks to slow down.
        ServiceUnavailable: it cannot be reached, or (code ``job_lost``) it does not know the job, or not by this token.
    """
    from botocore.exceptions import ClientError

    with translated(SERVICE):
        try:
            yield
        except ClientError as fault:
            if meant := _meant(code_of(fault), place):
                raise meant from None
            raise


@contextmanager
def placed(access: AwsAccess, region: str) -> Iterator[None]:
    """Tell a region without Textract from an outage.

    Raises:
        Misconfigured: there is no answer, and as far as this version of boto3 knows there can be none.
    """
    try:
        yield
    except ServiceUnavailable:
        if not access.endpoint_url and not offered(access, region):
            raise Misconfigured(f"Textract is not offered in {region}. Set AWS_REGION.", "wrong_region") from None
        raise


def offered(access: AwsAccess, region: str) -> bool:
    """Whether Textract is in the region, as far as this version of boto3 knows."""
    aws = session(access)
    return any(region in aws.get_available_regions("textract", part) for part in aws.get_available_partitions())


def _meant(code: str, place: str) -> PipelineError | None:
    if code in _DOCUMENT:
        return BadDocument(*_DOCUMENT[code])
    if code == "InvalidS3ObjectException":
        return Misconfigured(f"Textract cannot fetch {place or 'the file'}. {_OBJECT}", NOT_FETCHED)
    if code == "InvalidKMSKeyException":
        return Misconfigured("Textract may not use the key that encrypts the file. Permit it in KMS.", "no_permission")
    if code == "InvalidJobIdException":
        return ServiceUnavailable("Textract does not know the job: results are kept for seven days.", JOB_LOST)
    if code == "IdempotentParameterMismatchException":
        return ServiceUnavailable("Textract has used this token for something else.", JOB_LOST)
    return None
