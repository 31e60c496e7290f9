"""Files of the page, held in memory under a version of their content, so that browsers may keep them for ever."""

import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("static")
INDEX = "index.html"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".LICENSE": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What may lie in the folder."""


class Asset(NamedTuple):
    """A file, also compressed."""

    body: bytes
    zipped: bytes
    media_type: str
    etag: str


class Site:
    """All files below a folder.

    Args:
        folder: holds ``index.html``, in which ``{version}``, ``{styles}`` and ``{modules}`` are filled in.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        bodies = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES
        }
        self.version = _digest(b"\0".join(part for name, body in bodies.items() for part in (name.encode(), body)))
        self.index = _asset(INDEX, self._filled(bodies.pop(INDEX).decode(), list(bodies)))
        self._assets = {name: _asset(name, body) for name, body in bodies.items()}

    def asset(self, version: str, path: str) -> Asset | None:
        """A file, unless it is none or of another version: a page must not be made of two."""
        return self._assets.get(path) if version == self.version else None

    def _filled(self, page: str, names: list[str]) -> bytes:
        here = f"/static/{self.version}"
        styles = [f'<link rel="stylesheet" href="{here}/{name}">' for name in names if name.startswith("style/")]
        modules = [
            f'<link rel="modulepreload" href="{here}/{name}">'
            for name in names
            if name.startswith(("core/", "ui/")) and name.endswith(".js")
        ]
        parts = {"version": self.version, "styles": "\n    ".join(styles), "modules": "\n    ".join(modules)}
        for name, value in parts.items():
            page = page.replace(f"{{{name}}}", value)
        return page.encode()


def _asset(name: str, body: bytes) -> Asset:
    return Asset(body, gzip.compress(body, mtime=0), MEDIA_TYPES[Path(name).suffix], f'"{_digest(body)}"')


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
