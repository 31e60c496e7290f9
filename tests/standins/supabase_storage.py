"""A stand-in of Supabase Storage: what files need of its REST interface, with its limits on keys, roles and size."""

import json
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from tests.standins.server import Handler, serving

SERVICE_KEY = "a.service-role.key"
ANON_KEY = "an.anonymous.key"
VALID_KEY = re.compile(r"[A-Za-z0-9_/!\-.*'() &$@=;:+,?]+")
CHUNK = 64 * 1024


@dataclass
class Storage:
    """Its buckets, and how it is to fail next."""

    folder: Path
    url: str = ""
    buckets: set[str] = field(default_factory=lambda: {"documents"})
    size_limit: int = 1024**3
    metadata: dict[str, dict[str, object]] = field(default_factory=dict)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cut: bool = False  # the next download ends in the middle
    lock: threading.Lock = field(default_factory=threading.Lock)

    def path(self, bucket: str, name: str) -> Path:
        return self.folder / bucket / name.replace("/", "%")


class Refused(Exception):
    """An answer that is an error, as Storage says it: 400, and what is meant in the body."""

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(message)
        self.body = {"statusCode": status, "error": error, "message": message}


NO_FILE = ("404", "not_found", "Object not found")


@contextmanager
def supabase_storage() -> Iterator[Storage]:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(Path(folder))

        class Speaking(_Speaking):
            service = storage

        with serving(Speaking) as url:
            storage.url = url
            yield storage


class _Speaking(Handler):
    service: Storage

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_DELETE(self) -> None:
        self._serve(self._delete)

    def _serve(self, method: Callable[[str], None]) -> None:
        try:
            if self.service.refusals:
                status, body = self.service.refusals.pop(0)
                self._drop()
                self._say(status, body)
                return
            self._admit()
            method(unquote(self.path).removeprefix("/storage/v1/object/"))
        except Refused as refused:
            self._drop()
            self._say(400, refused.body)

    def _admit(self) -> None:
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if key == ANON_KEY:
            raise Refused("403", "Unauthorized", "new row violates row-level security policy")
        if key != SERVICE_KEY or self.headers.get("apiKey") != key:
            raise Refused("403", "Unauthorized", "jwt malformed")

    def _place(self, rest: str) -> Path:
        bucket, _, name = rest.partition("/")
        if bucket not in self.service.buckets:
            raise Refused("404", "Bucket not found", "Bucket not found")
        if not VALID_KEY.fullmatch(name):
            raise Refused("400", "InvalidKey", f"Invalid key: {name}")
        return self.service.path(bucket, name)

    def _get(self, rest: str) -> None:
        if rest.startswith("info/"):
            path = self._found(rest.removeprefix("info/"))
            self._say(200, {"name": path.name, "metadata": self.service.metadata.get(path.name)})
            return
        path = self._found(rest)
        size = path.stat().st_size
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        with path.open("rb") as content:
            if self.service.cut:
                self.service.cut = False
                self.wfile.write(content.read(size // 2))
                self.close_connection = True
                return
            shutil.copyfileobj(content, self.wfile, CHUNK)

    def _found(self, rest: str) -> Path:
        path = self._place(rest)
        if not path.is_file():
            raise Refused(*NO_FILE)
        return path

    def _post(self, rest: str) -> None:
        path = self._place(rest)
        if path.exists() and self.headers.get("x-upsert") != "true":
            raise Refused("409", "Duplicate", "The resource already exists")
        with tempfile.NamedTemporaryFile(dir=self.service.folder, delete=False) as part:
            fields = self._form(part.file)
        new = Path(part.name)
        if new.stat().st_size > self.service.size_limit:
            new.unlink()
            raise Refused("413", "Payload too large", "The object exceeded the maximum allowed size")
        path.parent.mkdir(exist_ok=True)
        with self.service.lock:
            new.replace(path)
            self.service.metadata[path.name] = json.loads(fields.get("metadata", "null"))
        self._say(200, {"Key": rest})

    def _form(self, part: IO[bytes]) -> dict[str, str]:
        """The fields that stand before the file; the file, which is the last, goes to ``part`` piece by piece."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        tail = b"\r\n--" + boundary + b"--\r\n"
        left = int(self.headers["Content-Length"])
        fields: dict[str, str] = {}
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                assert line, "the client went away"
                head += line
                left -= len(line)
            name = re.search(rb'name="([^"]+)"', head)
            assert name
            if b"filename=" in head:
                break
            value = self.rfile.readline()
            left -= len(value)
            fields[name[1].decode()] = value.decode().strip()
        left -= len(tail)
        while left > 0:
            piece = self.rfile.read(min(CHUNK, left))
            assert piece, "the client went away"
            part.write(piece)
            left -= len(piece)
        assert self.rfile.read(len(tail)) == tail
        return fields

    def _delete(self, rest: str) -> None:
        if rest not in self.service.buckets:
            raise Refused("404", "Bucket not found", "Bucket not found")
        paths = [self.service.path(rest, name) for name in json.loads(self.body())["prefixes"]]
        gone = [path for path in paths if path.is_file()]
        for path in gone:
            path.unlink(missing_ok=True)
        self._say(200, [{"name": path.name} for path in gone])

    def _drop(self) -> None:
        """Read what was sent, so that the answer is heard; what was read in part cannot be told from the next request."""
        self.close_connection = True
        self.connection.settimeout(0.2)
        with suppress(OSError):
            while self.rfile.read(CHUNK):
                pass

    def _say(self, status: int, body: object) -> None:
        self.answer(status, json.dumps(body).encode(), Content_Type="application/json")
