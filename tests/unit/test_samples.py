"""The sample matter keeps what its README promises."""

import io
import json
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest
from lxml import html
from PIL import Image

from pipeline.model import EntityType, Source

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "ravensport"
EXPECTED: dict[str, Any] = json.loads((ROOT / "tests/data/samples_expected.json").read_text(encoding="utf-8"))
FILES: dict[str, Any] = EXPECTED["files"]
MAX_BYTES = 5_000_000


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()


def _pdf_pages(content: bytes) -> list[str]:
    with pypdfium2.PdfDocument(content) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def _docx_text(content: bytes) -> str:
    document = docx.Document(io.BytesIO(content))
    around = [part for section in document.sections for part in (section.header, section.footer)]
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    footnotes = [
        part.blob.decode() for part in document.part.package.iter_parts() if part.partname.endswith("footnotes.xml")
    ]
    paragraphs = [paragraph.text for part in (document, *around) for paragraph in part.paragraphs]
    return "\n".join(paragraphs + cells + footnotes)


def _mail() -> EmailMessage:
    message = message_from_bytes((SAMPLES / "04-invoice-thread.eml").read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _mail_text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return f"{message['subject']}\n{message['from']}\n{body.get_content()}"


def _text(name: str) -> str:
    """The text of a sample that needs no recognition."""
    content = (SAMPLES / name).read_bytes()
    match Path(name).suffix:
        case ".pdf":
            return "\n".join(_pdf_pages(content))
        case ".docx":
            return _docx_text(content)
        case ".eml":
            return _mail_text(_mail())
        case ".html":
            return str(html.fromstring(content).text_content())
        case _:
            return content.decode(FILES[name].get("encoding", "utf-8"))


def _with_attachments() -> Iterator[tuple[str, dict[str, Any], str]]:
    for name, spec in FILES.items():
        if spec["source"] == Source.TEXT:
            yield name, spec, _text(name)
    for part in _mail().iter_attachments():
        name, content = str(part.get_filename()), part.get_content()
        text = _docx_text(content) if name.endswith(".docx") else "\n".join(_pdf_pages(content))
        yield name, FILES["04-invoice-thread.eml"]["attachments"][name], text


READ = list(_with_attachments())


def test_expected_truth_and_folder_name_the_same_files() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(FILES)


def test_readme_lists_every_file_and_attachment() -> None:
    listed = set(re.findall(r"`([^`/]+\.\w+)`", (SAMPLES.parent / "README.md").read_text(encoding="utf-8")))
    attachments = {name for spec in FILES.values() for name in spec.get("attachments", {})}
    assert listed == {*FILES, *attachments}


def test_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < MAX_BYTES


@pytest.mark.parametrize(("name", "spec", "text"), READ, ids=[name for name, _, _ in READ])
def test_expected_strings_and_names_stand_in_the_text(name: str, spec: dict[str, Any], text: str) -> None:
    flat = _flat(text)
    wanted = [*spec["contains"], *(mention["name"] for mention in spec["mentions"])]
    assert [string for string in wanted if _flat(string) not in flat] == []


@pytest.mark.parametrize("name", [name for name, spec in FILES.items() if name.endswith(".pdf")])
def test_pdf_has_its_pages_and_text_only_where_promised(name: str) -> None:
    pages = _pdf_pages((SAMPLES / name).read_bytes())
    assert len(pages) == FILES[name]["pages"]
    assert all(bool(page.strip()) == (FILES[name]["source"] == Source.TEXT) for page in pages)


def test_long_report_repeats_no_page() -> None:
    pages = _pdf_pages((SAMPLES / "10-annual-report-2019.pdf").read_bytes())
    assert len(set(pages)) == len(pages) == 40


def test_scan_is_grey_jpeg_of_200_dpi() -> None:
    with pypdfium2.PdfDocument(SAMPLES / "03-bank-letter-scan.pdf") as document:
        images = [item for page in document for item in page.get_objects()]
        assert [item.get_filters() for item in images] == [["DCTDecode"]] * 2
        assert [item.get_metadata().bits_per_pixel for item in images] == [8, 8]
        assert [round(item.get_metadata().horizontal_dpi) for item in images] == [200, 200]


def test_word_file_has_every_kind_of_part() -> None:
    document = docx.Document(str(SAMPLES / "01-dredging-contract.docx"))
    styles = {paragraph.style.name for paragraph in document.paragraphs if paragraph.style}
    assert {"Heading 1", "List Bullet"} <= styles
    assert len(document.tables) == 2
    assert document.sections[0].header.paragraphs[0].text
    assert document.sections[0].footer.paragraphs[0].text
    assert "footnoteReference" in document.element.xml


def test_mail_has_two_bodies_and_two_attachments() -> None:
    types = [part.get_content_type() for part in _mail().walk() if not part.is_multipart()]
    attachments = FILES["04-invoice-thread.eml"]["attachments"].values()
    assert types == ["text/plain", "text/html", *(spec["media_type"] for spec in attachments)]


def test_plain_text_is_not_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        (SAMPLES / "06-surveyor-letter.txt").read_bytes().decode("utf-8")


def test_web_page_has_boilerplate_to_leave_out() -> None:
    page = _flat(_text("05-courier-article.html"))
    assert all(_flat(string) in page for string in FILES["05-courier-article.html"]["absent"])


@pytest.mark.parametrize(
    ("name", "kind", "mode"), [("08-harbour-notice-photo.jpg", "JPEG", "RGB"), ("11-payment-advice-fax.png", "PNG", "1")]
)
def test_images_are_what_they_say(name: str, kind: str, mode: str) -> None:
    with Image.open(SAMPLES / name) as image:
        assert (image.format, image.mode) == (kind, mode)


def test_voice_note_is_mp3() -> None:
    assert (SAMPLES / "09-voice-note.mp3").read_bytes()[:3] == b"ID3"


def test_expected_types_and_sources_are_the_models() -> None:
    types = {mention["type"] for spec in FILES.values() for mention in spec["mentions"]}
    assert types | {entity["type"] for entity in EXPECTED["entities"]} <= set(EntityType)
    assert {spec["source"] for spec in FILES.values()} == set(Source)


def test_no_spelling_belongs_to_two_entities_and_pairs_are_of_known_names() -> None:
    spellings = [spelling for entity in EXPECTED["entities"] for spelling in (*entity["spellings"], *entity["hard"])]
    assert len(spellings) == len(set(spellings))
    owner = {
        spelling: entity["name"] for entity in EXPECTED["entities"] for spelling in (*entity["spellings"], *entity["hard"])
    }
    assert all(owner.get(left, left) != owner.get(right, right) for left, right in EXPECTED["apart"])


READ_BY_OCR = {
    "Mrs M. Caldwel",
    "Councillor R. Ashdown",
    "Mr Robert Ashdown",
    "Dr L. Finch",
    "Ms H. Marsh",
    "Jewgeni Dorochin",
    "E. Dorokhin",
}


def test_every_spelling_stands_in_some_sample() -> None:
    everything = _flat("\n".join(text for _, _, text in READ) + str(_mail()["cc"]))
    spellings = {spelling for entity in EXPECTED["entities"] for spelling in (*entity["spellings"], *entity["hard"])}
    assert {spelling for spelling in spellings - READ_BY_OCR if _flat(spelling) not in everything} == set()
