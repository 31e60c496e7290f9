"""What every ``Reader`` promises, shown on the one in a sandbox; and what the sandbox promises besides."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import pipeline
from pipeline.errors import BadDocument, ServiceUnavailable
from pipeline.model import Attachment, DocumentInfo, Page, PageImage, Sound
from pipeline.ports import Reader
from pipeline.readers import process, wire
from pipeline.readers.faults import SENTENCES, Fault
from pipeline.readers.limits import Limits
from pipeline.readers.sandbox import SandboxReader
from tests import reader_files as files

GOOD = {
    "text": files.SENTENCE.encode(),
    "pdf": files.pdf([files.lines(files.SENTENCE), ""]),
    "picture": files.picture(),
    "word": files.docx(files.SENTENCE),
    "open document": files.odt(f"<p xmlns='urn:oasis:names:tc:opendocument:xmlns:text:1.0'>{files.SENTENCE}</p>"),
    "rich text": f"{{\\rtf1 {files.SENTENCE}}}".encode(),
    "web page": f"<html><body>{files.SENTENCE}</body></html>".encode(),
    "mail": files.mail(),
    "sound": files.tone(),
    "aac": files.M4A,
}
BAD = {
    "empty": (b"", "empty_file"),
    "locked pdf": (files.locked_pdf(), "encrypted"),
    "cut word": (files.docx("hello" * 500)[:5000], "damaged"),
    "noise": (os.urandom(5000), "unsupported"),
    "silence": (files.tone(0), "empty_recording"),
    "archive": (files.zipped({"a": "b"}), "unsupported"),
    "bomb": (files.zipped({"word/document.xml": bytes(60_000_000)}), "too_complex"),
}
NAMES = ["plain.pdf", 'a "quoted" name.pdf', "two\nlines.txt", "отчёт 東京.docx", "no-extension", "\udcff bytes.txt"]


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxReader]:
    with SandboxReader(Limits(memory=512)) as sandbox:
        yield sandbox


def stored(folder: Path, content: bytes, name: str = "content") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def code_of(reader: Reader, path: Path) -> str:
    with pytest.raises(BadDocument) as caught:
        list(reader.read(path, path.name))
    message = caught.value.message
    assert re.fullmatch(r"[A-Z][^\n]{10,300}\.|The file is empty \(0 bytes\).*\.|.*\(0 seconds\)\.", message)
    assert str(path) not in message
    return caught.value.code


@pytest.mark.parametrize("kind", GOOD)
def test_information_comes_first_then_pages_in_order(reader: Reader, tmp_path: Path, kind: str) -> None:
    info, *rest = list(reader.read(stored(tmp_path, GOOD[kind]), "wrong.extension"))
    assert isinstance(info, DocumentInfo)
    assert "/" in info.media_type
    pages = [
        1 if isinstance(event, Sound) else event.number for event in rest if isinstance(event, Page | PageImage | Sound)
    ]
    assert pages
    assert pages == list(range(1, len(pages) + 1))
    assert all(isinstance(event, Attachment) for event in rest[len(pages) :])


@pytest.mark.parametrize("kind", ["text", "pdf", "word", "open document", "rich text", "web page", "mail"])
def test_the_text_is_there(reader: Reader, tmp_path: Path, kind: str) -> None:
    events = reader.read(stored(tmp_path, GOOD[kind]), "x")
    assert files.SENTENCE in "\n".join(event.text for event in events if isinstance(event, Page))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_document_is_named_and_its_neighbour_is_read(reader: Reader, tmp_path: Path, kind: str) -> None:
    content, code = BAD[kind]
    assert code_of(reader, stored(tmp_path, content)) == code
    assert list(reader.read(stored(tmp_path, b"next"), "next.txt"))[1] == Page(1, "next")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_will_do(reader: Reader, tmp_path: Path, name: str) -> None:
    path = stored(tmp_path, b"hello", os.fsdecode(os.fsencode(name)))
    assert list(reader.read(path, name))[1] == Page(1, "hello")


def test_what_is_not_there_or_no_file_is_unreadable(reader: Reader, tmp_path: Path) -> None:
    assert code_of(reader, tmp_path / "missing") == "unreadable"
    assert code_of(reader, tmp_path) == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(reader: Reader, tmp_path: Path) -> None:
    path = stored(tmp_path, b"hello")
    path.chmod(0)
    assert code_of(reader, path) == "unreadable"


def test_the_engine_says_what_reads(reader: Reader) -> None:
    assert reader.engine.name == "readers"
    assert "pypdfium2" in reader.engine.version
    assert reader.engine != SandboxReader(Limits(dpi=300)).engine


def test_every_fault_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Fault)


# --- the sandbox -----------------------------------------------------------------------------------------------------


def own_children() -> set[int]:
    """Readers' children of this process; a zombie another test left behind has no command line to look at."""
    children = [child.as_dict(["pid", "cmdline"]) for child in psutil.Process().children()]
    return {child["pid"] for child in children if "pipeline.readers.child" in " ".join(child["cmdline"] or ())}


def test_one_process_reads_many_documents_and_ends_with_its_reader(tmp_path: Path) -> None:
    path, before = stored(tmp_path, b"hello"), own_children()
    with SandboxReader(documents_per_process=3) as sandbox:
        seen = []
        for _ in range(4):
            list(sandbox.read(path, "x"))
            seen.append(frozenset(own_children() - before))
        assert seen[0] == seen[1]
        assert seen[2] == frozenset()
        assert len(seen[3]) == 1
    assert own_children() <= before


def test_a_document_left_in_the_middle_does_not_reach_the_next(reader: SandboxReader, tmp_path: Path) -> None:
    events = reader.read(stored(tmp_path, files.pdf([files.lines("page")] * 50), "long"), "x")
    next(events)
    next(events)
    events.close()  # type: ignore[attr-defined]  # the port promises no more than an iterator
    assert list(reader.read(stored(tmp_path, b"next"), "x"))[1] == Page(1, "next")


def test_readings_may_overlap(reader: SandboxReader, tmp_path: Path) -> None:
    first = reader.read(stored(tmp_path, files.mail(), "outer"), "x")
    next(first)
    assert list(reader.read(stored(tmp_path, b"inner"), "x"))[1] == Page(1, "inner")
    assert isinstance(next(first), Page)


def test_memory_is_limited(tmp_path: Path) -> None:
    text = stored(tmp_path, "€ word ".encode() * 6_000_000)
    with SandboxReader(Limits(memory=160)) as small:
        assert code_of(small, text) == "out_of_memory"
        assert list(small.read(stored(tmp_path, b"next"), "x"))[1] == Page(1, "next")


def test_time_is_limited(tmp_path: Path) -> None:
    slow = stored(tmp_path, files.pdf(["q 612 0 0 792 0 0 cm /Im Do Q " * 20_000]))
    with SandboxReader(Limits(step_seconds=0.5)) as hasty:
        assert code_of(hasty, slow) == "timeout"


@pytest.fixture
def fresh_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The process number of a child that has read something."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hush@host/db")
    before = own_children()
    with SandboxReader() as fresh:
        list(fresh.read(stored(tmp_path, b"hello"), "x"))
        (pid,) = own_children() - before
        yield pid


def test_no_secret_reaches_the_child(fresh_child: int) -> None:
    assert "DATABASE_URL" not in psutil.Process(fresh_child).environ()


def may_leave_network() -> bool:
    attempt = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return sys.platform == "linux" and subprocess.run([sys.executable, "-c", attempt], check=False).returncode == 0


@pytest.mark.skipif(not may_leave_network(), reason="this system lets no process leave the network")
def test_the_child_has_no_network(fresh_child: int) -> None:
    assert Path(f"/proc/{fresh_child}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from pipeline.readers.sandbox import SandboxReader;"
        "r = SandboxReader(); list(r.read(Path(sys.argv[1]), 'x'));"
        "print(r._resting[0]._child.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(stored(tmp_path, b"hello"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(pipeline.__file__).parent.parent) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_child_that_does_not_start_is_no_fault_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with SandboxReader() as reader, pytest.raises(ServiceUnavailable):
        list(reader.read(stored(tmp_path, b"hello"), "x"))


class Liar(process.ReadingProcess):
    """Stands for a child that an attacker has taken over: its frames are the attacker's."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = [wire.PREFIX.pack(17, 0), b'{"kind": "ready"}', b"", *frames]
        super().__init__(Limits())

    def _receive(self, count: int) -> bytes:
        return self.frames.pop(0)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([wire.PREFIX.pack(2**31, 0)], "crashed"),
        ([wire.PREFIX.pack(2, 0), b"[]"], "crashed"),
        ([wire.PREFIX.pack(4, 0), b"\xff{}}"], "crashed"),
        ([wire.PREFIX.pack(16, 2**60), b'{"kind": "page"}'], "too_large"),
        ([wire.PREFIX.pack(60, 0), b'{"kind": "error", "code": ["encrypted"], "message": "x"}', b""], "damaged"),
        ([wire.PREFIX.pack(60, 0), b'{"kind": "error", "code": "mine", "message": "Traceback /home"}', b""], "damaged"),
    ],
)
def test_the_child_is_not_believed(tmp_path: Path, frames: list[bytes], code: str) -> None:
    child = Liar(frames)
    try:
        with pytest.raises(BadDocument) as caught:
            list(child.read(tmp_path, "x"))
        assert caught.value.code == code
        assert "Traceback" not in caught.value.message
    finally:
        child.close()


def test_a_file_without_pages_of_its_own_is_only_named_when_some_are_asked_for(reader: Reader, tmp_path: Path) -> None:
    (info,) = reader.read(stored(tmp_path, b"hello"), "letter.txt", range(1, 3))
    assert info == DocumentInfo("text/plain")


def test_some_pages_are_read_as_in_the_whole(reader: Reader, tmp_path: Path) -> None:
    path = stored(tmp_path, files.pdf([files.lines(f"page number {n}") for n in range(1, 8)]))
    whole = list(reader.read(path, "x"))
    assert [event for pages in (range(1, 4), range(4, 8)) for event in list(reader.read(path, "x", pages))[1:]] == whole[1:]
    assert list(reader.read(path, "x", range(0))) == whole[:1]


def endless_pdf() -> bytes:
    """A page that shows ten times what shows ten times what shows …, twelve levels deep."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /XObject << /N 5 0 R >> >> >>",
        "<< /Length 5 >>\nstream\n/N Do\nendstream",
    ]
    form = "<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /N {} 0 R >> >> /Length 60 >>"
    objects += [f"{form.format(number)}\nstream\n{'/N Do ' * 10}\nendstream" for number in range(6, 18)]
    return files.joined([*objects, f"{form.format(17)}\nstream\n{'0 0 9 9 re f ' * 4:60}\nendstream"])


def test_a_page_that_is_drawn_without_end_is_given_up(tmp_path: Path) -> None:
    with SandboxReader(Limits(seconds=3, step_seconds=3), resting=2) as drawer:
        path = stored(tmp_path, endless_pdf())
        with pytest.raises(BadDocument) as caught:
            drawer.draw(path, "endless.pdf", 1, 800)
        assert caught.value.code == "timeout"
        assert drawer._resting == []
        good = stored(tmp_path, GOOD["pdf"], "good")
        assert drawer.draw(good, "good.pdf", 1, 160).width == 160


def test_a_page_as_small_as_a_dot_is_drawn(tmp_path: Path) -> None:
    with SandboxReader() as drawer:
        assert drawer.draw(stored(tmp_path, files.pdf([""], box="0 0 2 2")), "dot.pdf", 1, 800).width == 800


def test_processes_that_draw_are_kept(tmp_path: Path) -> None:
    with SandboxReader(resting=2) as drawer:
        path = stored(tmp_path, GOOD["pdf"])
        drawer.draw(path, "a.pdf", 1, 160)
        (first,) = drawer._resting
        drawer.draw(path, "a.pdf", 2, 160)
        assert drawer._resting == [first]
        with pytest.raises(BadDocument):
            drawer.draw(path, "a.pdf", 3, 160)  # it is well after that
        assert drawer._resting == [first]
