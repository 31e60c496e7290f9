import codecs

import pytest

from pipeline.model import DocumentInfo, Page
from pipeline.readers.text import decode
from tests.reader_files import Reading

RUSSIAN = "Договор был подписан в Москве в присутствии двух свидетелей. " * 8
GERMAN = "Die Größe der Straße überraschte Frau Müller, für 5 € („so viel“). " * 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        ("Café à l'été", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        ("東京都三鷹市の図書館で開かれた会議の記録。" * 6, "shift_jis"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_a_declared_encoding_is_used_unless_the_bytes_say_otherwise() -> None:
    assert decode("Łódź".encode("iso-8859-2"), "iso-8859-2")[0] == "Łódź"
    assert decode("Łódź".encode(), "iso-8859-2")[0] == "Łódź"
    assert decode(b"plain", "no-such-encoding")[0] == "plain"


def test_a_few_broken_bytes_do_not_make_the_rest_unreadable() -> None:
    text, _ = decode("Größe ".encode() * 50 + b"\xff" + "Straße".encode())
    assert text.count("Größe") == 50
    assert "\ufffd" in text


def test_text_passes_unchanged_but_for_line_ends(reading: Reading) -> None:
    text = "  # Title\r\n\r\n\r\n\tindented   twice\f\rend \r\n"
    info, page = reading(codecs.BOM_UTF8 + text.encode(), "a.md")
    assert info == DocumentInfo("text/markdown", {"encoding": "utf-8-sig"})
    assert page == Page(1, "  # Title\n\n\n\tindented   twice\f\nend \n")
