"""Readers called in this process, without the sandbox: what they say of a file."""

from pathlib import Path

import pytest

from pipeline.model import ReadEvent
from pipeline.readers import child
from pipeline.readers.limits import Limits
from tests.reader_files import Reading


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """``reading(content, name, only, **limits)`` gives the events of a file."""

    def read(content: bytes, name: str = "file", only: range | None = None, **limits: int) -> list[ReadEvent]:
        path = tmp_path / "content"
        path.write_bytes(content)
        return [event for event in child.read(path, name, Limits(**limits), only) if event is not None]

    return read
