from pathlib import Path

import pytest

from pipeline.errors import BadDocument
from pipeline.readers.formats import Kind, sniff
from tests import reader_files as files

MAIL = b"Received: from a\nFrom: a@example.org\nSubject: x\n\nhello\n"
SAMPLES = {
    Kind.PDF: files.pdf([files.lines("hello")]),
    Kind.IMAGE: files.picture(),
    Kind.DOCX: files.docx("hello"),
    Kind.ODF: files.odt(""),
    Kind.HTML: b"<!-- a --><!DOCTYPE html><html><body>hello</body></html>",
    Kind.MAIL: MAIL,
    Kind.MAILBOX: b"From a Fri\n" + MAIL + b"\nFrom b Sat\n" + MAIL,
    Kind.SOUND: files.tone(),
    Kind.TEXT: b"hello\n",
    Kind.OFFICE: b"{\\rtf1 hello}",
}


@pytest.mark.parametrize("name", ["a", "a.pdf", "a.docx", "a.wav", "a.eml.txt", "a.jpg"])
@pytest.mark.parametrize("kind", SAMPLES)
def test_the_content_decides_whatever_the_name(tmp_path: Path, kind: Kind, name: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(SAMPLES[kind])
    assert sniff(path, name).kind is kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"From: Anna\nTo: Bo\nSubject: a memo that is no mail\n\ntext", Kind.TEXT),
        ("Größe".encode("utf-16"), Kind.TEXT),
        ("plain words in two bytes".encode("utf-16-le"), Kind.TEXT),
        ("<html><body>Größe</body></html>".encode("utf-16"), Kind.HTML),
        (b"How to read %PDF-1.4 headers\n", Kind.TEXT),
        (b"\n\n" + files.pdf([files.lines("late")]), Kind.PDF),
        (files.M4A, Kind.SOUND),
        (b"\xff\xf1\x60\x40\x02\x3f\xfc" + bytes(40), Kind.SOUND),
    ],
)
def test_near_misses(tmp_path: Path, content: bytes, kind: Kind) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert sniff(path, "x").kind is kind


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.txt", "empty_file"),
        (b"\x1f\x8b\x08" + bytes(20), "a.gz", "unsupported"),
        (files.zipped({"a.txt": "hello"}), "a.docx", "unsupported"),
        (files.docx("hello")[:2000], "a.docx", "damaged"),
        (bytes(range(256)) * 40, "a.docx", "damaged"),
        (bytes(range(256)) * 40, "a.bin", "unsupported"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "a.heic", "unsupported"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage\0".encode("utf-16-le"), "a.xlsx", "encrypted"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, name: str, code: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(BadDocument) as caught:
        sniff(path, name)
    assert caught.value.code == code
