"""Pictures in a folder: up to a size, whoever else is at it."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from pipeline.model import DocumentId
from pipeline.stores.kept_files import KeptFiles

ONE, OTHER = DocumentId("6f1c2d7e-0a5b-4c3d-8e9f-102132435465"), DocumentId("7f1c2d7e-0a5b-4c3d-8e9f-102132435465")
KB = 1024


def all_of(documents: Collection[str]) -> Collection[str]:
    return documents


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_was_put_is_there_and_nothing_else(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "new", 100 * KB)
    assert kept.get(ONE, "a") is None
    kept.put(ONE, "a", b"first")
    kept.put(ONE, "a", b"second")
    kept.put(OTHER, "a", b"other")
    assert (kept.get(ONE, "a"), kept.get(OTHER, "a"), kept.get(ONE, "b")) == (b"second", b"other", None)
    kept.forget(ONE)
    assert (kept.get(ONE, "a"), kept.get(OTHER, "a")) == (None, b"other")


def test_the_limit_holds_and_what_was_seen_last_stays(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, 100 * KB)
    kept.put(ONE, "seen", bytes(10 * KB))
    for number in range(40):
        os.utime(tmp_path / f"{ONE}.seen", (1, 1))
        assert kept.get(ONE, "seen") is not None
        kept.put(ONE, str(number), bytes(10 * KB))
        assert total(tmp_path) <= 130 * KB  # it is looked at now and then
    kept.sweep(all_of)
    assert total(tmp_path) <= 100 * KB
    assert kept.get(ONE, "seen") is not None
    assert kept.get(ONE, "0") is None
    assert kept.get(ONE, "39") is not None


def test_a_copy_is_made_once_and_lasts_while_it_is_read(tmp_path: Path) -> None:
    kept, asked = KeptFiles(tmp_path / "kept", 100 * KB), []

    @contextmanager
    def original() -> Iterator[Path]:
        asked.append(1)
        path = tmp_path / "original"
        path.write_bytes(b"content")
        yield path
        path.unlink()

    for _ in range(3):
        with kept.copy(ONE, "a", original) as path:
            assert path.read_bytes() == b"content"
    assert len(asked) == 1
    with kept.copy(ONE, "a", original) as path:
        kept.forget(ONE)
        assert path.read_bytes() == b"content"
    with kept.copy(ONE, "a", original) as path:
        assert path.read_bytes() == b"content"
    assert len(asked) == 2
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{ONE}.a"]


def test_a_copy_that_would_leave_no_room_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(60 * KB))
    kept = KeptFiles(tmp_path / "kept", 100 * KB)
    with kept.copy(ONE, "a", lambda: nullcontext(tmp_path / "large")) as path:
        assert path.stat().st_size == 60 * KB
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_is_old_can_be_left_out(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, 100 * KB)
    kept.put(ONE, "a", b"x")
    os.utime(tmp_path / f"{ONE}.a", (1, 1))
    assert kept.get(ONE, "a", age=3600) is None
    assert kept.get(ONE, "a") == b"x"


def test_a_sweep_takes_what_is_of_no_document_and_what_dead_processes_left(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, 100 * KB)
    kept.put(ONE, "a", b"x")
    kept.put(OTHER, "a", b"x")
    for name, age in ((".old", 7200), (".new", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    kept.sweep(lambda documents: {OTHER} & set(documents))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".new", f"{OTHER}.a"]


def test_a_folder_that_cannot_be_written_is_told_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    kept = KeptFiles(tmp_path / "file", 100 * KB)
    kept.put(ONE, "a", b"x")
    assert kept.get(ONE, "a") is None
    assert "nothing can be kept" in caplog.text


def test_processes_that_put_read_and_remove_at_once_never_see_half_a_picture(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pipeline.stores.kept_files import KeptFiles as K\n"
        "k = K(Path(sys.argv[1]), 300_000)\n"
        "for n in range(300):\n"
        "    name = str(n % 20); k.put('d', name, bytes([n % 20]) * 20_000)\n"
        "    found = k.get('d', name)\n"
        "    assert found is None or found == bytes([n % 20]) * 20_000, n\n"
        "    n % 50 or k.sweep(lambda d: d)\n"
    )
    running = [subprocess.Popen([sys.executable, "-P", "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert total(tmp_path) <= 500_000
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
