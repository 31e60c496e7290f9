"""Files in a bucket of S3, or of a service that speaks its protocol."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline.aws import ENVIRONMENT, AwsAccess, code_of, patience, session, translated
from pipeline.errors import BadDocument, Outage, ServiceUnavailable
from pipeline.model import ObjectPlace
from pipeline.stores.files import COPY_SIZE, checked_key, probe, reading, written

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from types_boto3_s3 import S3Client

ATTEMPTS = 3
PART_SIZE = 16 * 1024 * 1024
PARTS_AT_ONCE = 4
LONGEST_KEY = 1024
MISSING = {"NoSuchKey", "404"}
SHA256 = "sha256"
"""Name of the metadata that holds the content's checksum: it survives however the file was cut into parts."""


class S3Blobs:
    """``BlobStore`` in a bucket. Thread-safe; make it after the process has forked.

    The AWS keys need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and
    s3:AbortMultipartUpload under the prefix.

    Args:
        bucket: it exists.
        prefix: put before every key, with a slash between; "" for none.
        access: region, address and keys.

    Raises:
        Misconfigured: boto3 is not installed, or there is no region.
    """

    def __init__(self, bucket: str, prefix: str = "", access: AwsAccess = ENVIRONMENT) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        with self._translated():
            self._client: S3Client = session(access).client(
                "s3", config=patience(ATTEMPTS), endpoint_url=access.endpoint_url or None
            )
        self._transfer = _parts()

    def put(self, key: str, source: Path) -> None:
        """Store the content of ``source`` under ``key``; whole or not at all.

        Raises:
            BadDocument: ``source`` cannot be read or changed meanwhile, or the key is none (code ``bad_key``).
            Outage: the bucket cannot be reached.
            Misconfigured: bucket, keys or permission are wrong.
        """
        place = self.place(key)
        with reading(source) as content:
            before = _mark(content)
            extra = {"Metadata": {SHA256: hashlib.file_digest(content, "sha256").hexdigest()}}
            self._send(source, place.key, extra)
            if _mark(content) != before:
                self.delete(key)
                raise BadDocument("The file changed while it was stored.", "file_changed")

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """A copy of the stored file that lasts as long as the context, its checksum verified.

        Raises:
            BadDocument: nothing is stored under ``key`` (code ``file_missing``).
            Outage: the bucket cannot be reached.
            ServiceUnavailable: what came is not what was stored (code ``checksum_mismatch``).
        """
        place = self.place(key)
        with tempfile.NamedTemporaryFile(prefix="blob-") as copy:
            with self._translated(), _missing_told(self._client):
                self._fetch(place.key, copy)
            yield Path(copy.name)

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens if it is not there."""
        place = self.place(key)
        with self._translated():
            self._client.delete_object(Bucket=self._bucket, Key=place.key)

    def place(self, key: str) -> ObjectPlace:
        """Where the file lies, for services that fetch it themselves.

        Raises:
            BadDocument: the key is none (code ``bad_key``).
        """
        checked_key(key)
        full = f"{self._prefix}/{key}" if self._prefix else key
        if len(full.encode()) > LONGEST_KEY:
            raise BadDocument("The document's storage key is too long.", "bad_key")
        return ObjectPlace(self._bucket, full)

    def check(self) -> str:
        """Write, read and remove a file of a few bytes; returns the bucket and its region.

        Raises:
            Misconfigured: bucket, region, keys or permission are wrong.
            Outage: no answer.
        """
        probe(self)
        with self._translated():
            region = self._client.head_bucket(Bucket=self._bucket).get("BucketRegion") or self._client.meta.region_name
        return f"bucket {self._bucket} in {region}, can be written and read"

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _translated(self) -> AbstractContextManager[None]:
        return translated(f"The bucket {self._bucket}", Outage)

    def _send(self, source: Path, key: str, extra: dict[str, dict[str, str]]) -> None:
        try:
            with self._translated():
                self._client.upload_file(str(source), self._bucket, key, ExtraArgs=extra, Config=self._transfer)
        except OSError as fault:
            raise BadDocument(f"The file cannot be read: {fault.strerror}.", "file_missing") from fault

    def _fetch(self, key: str, copy: IO[bytes]) -> None:
        answer = self._client.get_object(Bucket=self._bucket, Key=key)
        with closing(answer["Body"]) as body:
            digest = written(body.iter_chunks(COPY_SIZE), copy)
        if answer["Metadata"].get(SHA256, digest) != digest:
            raise ServiceUnavailable(f"The bucket {self._bucket} returned a damaged file.", "checksum_mismatch")


def _parts() -> "TransferConfig":
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE, max_concurrency=PARTS_AT_ONCE)


def _mark(content: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(content.fileno())
    return status.st_size, status.st_mtime_ns


@contextmanager
def _missing_told(client: "S3Client") -> Iterator[None]:
    try:
        yield
    except client.exceptions.ClientError as fault:
        if code_of(fault) in MISSING:
            raise BadDocument("The stored file is missing.", "file_missing") from None
        raise
