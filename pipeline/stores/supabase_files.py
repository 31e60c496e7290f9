"""Files in a bucket of Supabase Storage. Its own client holds a whole download in memory, so this speaks to it directly."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from pipeline.errors import BadDocument, Misconfigured, Outage, PipelineError, ServiceUnavailable, Throttled
from pipeline.stores.files import COPY_SIZE, checked_key, probe, reading, written

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5
SECONDS = 60
CONNECTIONS = 50
LONGEST_KEY = 900
WAIT = 5.0  # seconds, where it asks to slow down and does not say for how long
SHA256 = "sha256"
_ESCAPED = re.compile(rb"[^A-Za-z0-9_/!\-.*'() &$@;:+,?]")
"""What Storage allows in no key, and the sign that escapes are marked with."""


class SupabaseBlobs:
    """``BlobStore`` in a bucket of Supabase Storage. Thread-safe; make it after the process has forked.

    Args:
        url: of the Supabase project.
        key: of its service role; row-level security keeps other roles out.
        bucket: it exists, is private, and takes files of any type and of the size that is accepted.

    Raises:
        Misconfigured: httpx is not installed, or the URL is none.
    """

    def __init__(self, url: str, key: str, bucket: str) -> None:
        self._bucket = bucket
        self._client = _client(url, key)

    def put(self, key: str, source: Path) -> None:
        """Store the content of ``source`` under ``key``; whole or not at all.

        Raises:
            BadDocument: ``source`` cannot be read or is larger than the bucket takes, or the key is none (code ``bad_key``).
            Outage: Storage cannot be reached.
            Misconfigured: URL, key or bucket are wrong.
        """
        path = self._path(key)
        with reading(source) as content:
            checksum = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            # Fields that stand after the file are not seen; what is stored again must not come from a cache.
            fields = {"cacheControl": "0", "metadata": json.dumps({SHA256: checksum})}
            files = {"file": ("file", content, "application/octet-stream")}
            with self._translated():
                answer = self._client.post(path, headers={"x-upsert": "true"}, data=fields, files=files)
        self._expect(answer)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """A copy of the stored file that lasts as long as the context, its checksum verified.

        Raises:
            BadDocument: nothing is stored under ``key`` (code ``file_missing``).
            Outage: Storage cannot be reached.
            ServiceUnavailable: what came is not what was stored (code ``checksum_mismatch``).
        """
        path = self._path(key)
        with tempfile.NamedTemporaryFile(prefix="blob-") as copy:
            with self._translated():
                expected = self._checksum(key)
                digest = self._fetch(path, copy)
            if expected not in {"", digest}:
                raise ServiceUnavailable(f"{self._service} returned a damaged file.", "checksum_mismatch")
            yield Path(copy.name)

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens if it is not there."""
        path = f"object/{quote(self._bucket, safe='')}"
        name = _escaped(key)
        with self._translated():
            answer = self._client.request("DELETE", path, json={"prefixes": [name]})
        self._expect(answer)

    def check(self) -> str:
        """Write, read and remove a file of a few bytes; returns the bucket.

        Raises:
            Misconfigured: URL, key or bucket are wrong.
            Outage: no answer.
        """
        probe(self)
        return f"bucket {self._bucket}, can be written and read"

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    @property
    def _service(self) -> str:
        return f"The Supabase bucket {self._bucket}"

    def _path(self, key: str, kind: str = "object") -> str:
        return f"{kind}/{quote(self._bucket, safe='')}/{quote(_escaped(key))}"

    def _checksum(self, key: str) -> str:
        """What was noted when the file was stored; "" if another program stored it."""
        answer = self._client.get(self._path(key, "object/info"))
        self._expect(answer)
        noted = _object(answer.content).get("metadata")
        return str(noted.get(SHA256, "")) if isinstance(noted, dict) else ""

    def _fetch(self, path: str, copy: IO[bytes]) -> str:
        with self._client.stream("GET", path, headers={"Accept-Encoding": "identity"}) as answer:
            if not answer.is_success:
                answer.read()
            self._expect(answer)
            return written(answer.iter_bytes(COPY_SIZE), copy)

    def _expect(self, answer: "httpx.Response") -> None:
        if not answer.is_success:
            raise _refusal(answer, self._service)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            raise Misconfigured("SUPABASE_URL is not the address of a Supabase project.", "wrong_url") from None
        except httpx.TransportError as fault:
            raise Outage(f"{self._service} does not answer ({type(fault).__name__}).") from None


def _client(url: str, key: str) -> "httpx.Client":
    try:
        import httpx
    except ImportError:
        raise Misconfigured("httpx is not installed: pip install 'nlp-pipeline[supabase]'", "not_installed") from None
    if not key.isascii() or not key.isprintable():
        raise Misconfigured("SUPABASE_KEY holds signs that no key has.", "wrong_key")
    return httpx.Client(
        base_url=f"{url.rstrip('/')}/storage/v1/",
        headers={"apiKey": key, "Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=CONNECTIONS),
    )


def _escaped(key: str) -> str:
    """The key in the signs that Storage allows: all others as ``=`` and two hexadecimal digits for each byte."""
    checked_key(key)
    name = _ESCAPED.sub(lambda byte: b"=%02X" % byte[0][0], key.encode()).decode()
    if len(name) > LONGEST_KEY:
        raise BadDocument("The document's storage key is too long.", "bad_key")
    return name


def _refusal(answer: "httpx.Response", service: str) -> PipelineError:
    """What an answer that is an error means. Older servers say all with 400, and what they mean in the body."""
    said = _object(answer.content)
    words = " ".join(str(said.get(name, "")) for name in ("code", "error", "message")).lower()
    meant = str(said.get("statusCode", ""))
    status = int(meant) if meant.isdecimal() else answer.status_code
    if "bucket" in words and ("not found" in words or "nosuchbucket" in words):
        return Misconfigured(f"{service} is not there. Create it, or correct its name.", "not_there")
    if status == 404:
        return BadDocument("The stored file is missing.", "file_missing")
    if status == 413 or "entitytoolarge" in words:
        return BadDocument(f"The file is larger than allowed: {service} and its project have limits.", "too_large")
    if status == 429 or "slowdown" in words:
        wait = answer.headers.get("Retry-After", "")
        return Throttled(f"{service} asks to slow down.", retry_after=float(wait) if wait.isdecimal() else WAIT)
    if status in {401, 403} or "jwt" in words or "row-level security" in words:
        return Misconfigured(f"{service} refuses the key. Set SUPABASE_KEY to that of the service role.", "wrong_key")
    if "mime" in words:
        return Misconfigured(f"{service} does not take files of every type. Allow all in its settings.", "bucket_limited")
    if status >= 500:
        return Outage(f"{service} is at fault itself ({status}).")
    return ServiceUnavailable(f"{service} refuses a request ({status}).")


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
