from collections.abc import Iterator

import pytest
from docx import Document
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls

from pipeline.errors import BadDocument
from pipeline.model import Attachment
from tests import reader_files as files
from tests.reader_files import Reading

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TEXT_BOX = f"""<w:r {nsdecls("w")} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"
  xmlns:v="urn:schemas-microsoft-com:vml"><mc:AlternateContent>
  <mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></mc:Choice>
  <mc:Fallback><v:textbox><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></v:textbox></mc:Fallback>
  </mc:AlternateContent></w:r>"""


def word(body: str, **parts: str) -> bytes:
    """A Word file written by hand."""
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    relations = "".join(f'<Relationship Id="{name}" Type="{kinds}{name}" Target="{name}.xml"/>' for name in parts)
    members: dict[str, bytes | str] = {
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
    }
    return files.zipped(members | {f"word/{name}.xml": content for name, content in parts.items()})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_word_is_read_in_order(reading: Reading) -> None:
    document = Document()
    document.sections[0].header.paragraphs[0].text = "Top of the page"
    document.sections[0].footer.paragraphs[0].text = "Foot of the page"
    document.add_heading("Chapter", 2)
    document.add_paragraph("Before\tthe table")
    table = document.add_table(2, 2)
    for index, cell in enumerate(table._cells):
        cell.text = f"cell {index}"
    document.add_paragraph("After the table")._p.append(parse_xml(TEXT_BOX))
    page = reading(files.saved(document))[1]
    assert page.text == (
        "Top of the page\n\n## Chapter\n\nBefore\tthe table\n\ncell 0\tcell 1\ncell 2\tcell 3\n\n"
        "After the table\nin a box\n\nFoot of the page"
    )


def test_what_was_deleted_in_word_is_gone_and_what_was_inserted_is_there(reading: Reading) -> None:
    document = Document()
    added = document.add_paragraph("It was ")
    for tag, kind, text in (("w:del", "w:delText", "never"), ("w:ins", "w:t", "always")):
        change, run, piece = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(kind)
        piece.text = text
        run.append(piece)
        change.append(run)
        added._p.append(change)
    assert reading(files.saved(document))[1].text == "It was always"


def test_notes_stand_below_their_paragraph_and_comments_at_the_end(reading: Reading) -> None:
    body = '<w:p><w:r><w:t>Claim</w:t><w:footnoteReference w:id="2"/></w:r></w:p>' + paragraph("Next")
    notes = f'<w:footnotes {WORD}><w:footnote w:id="2">{paragraph("Source")}</w:footnote></w:footnotes>'
    comments = f'<w:comments {WORD}><w:comment w:id="0" w:author="Bo">{paragraph("True?")}</w:comment></w:comments>'
    page = reading(word(body, footnotes=notes, comments=comments))[1]
    assert page.text.split() == ["Claim", "Source", "Next", "[Bo:", "True?]"]


def test_lists_are_counted(reading: Reading) -> None:
    def item(level: int, text: str) -> str:
        numbering = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="5"/></w:numPr>'
        return f"<w:p><w:pPr>{numbering}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    def rule(level: int, kind: str, pattern: str) -> str:
        return (
            f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{pattern}"/></w:lvl>'
        )

    rules = rule(0, "upperRoman", "%1.") + rule(1, "decimal", "%1.%2") + rule(2, "lowerLetter", "(%3)")
    numbering = f'<w:abstractNum w:abstractNumId="1">{rules}</w:abstractNum>'
    numbering += '<w:num w:numId="5"><w:abstractNumId w:val="1"/></w:num>'
    body = item(0, "a") + item(1, "b") + item(1, "c") + item(2, "d") + item(0, "e") + item(1, "f")
    page = reading(word(body, numbering=f"<w:numbering {WORD}>{numbering}</w:numbering>"))[1]
    assert page.text.split("\n") == ["I. a", "I.1 b", "I.2 c", "(a) d", "II. e", "II.1 f"]


def test_a_word_file_of_pictures_hands_them_on(reading: Reading) -> None:
    document = Document()
    import io

    document.add_picture(io.BytesIO(files.picture()))
    attached = [event for event in reading(files.saved(document)) if isinstance(event, Attachment)]
    assert [(a.name, a.content) for a in attached] == [("image1.png", files.picture())]


def test_open_document_text(reading: Reading) -> None:
    note = "<text:note><text:note-body><text:p>Source</text:p></text:note-body></text:note>"
    cells = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in "ab")
    body = f'<text:h text:outline-level="2">Chapter</text:h><text:p>One<text:s/>two{note}</text:p>'
    body += f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    assert reading(files.odt(body))[1].text == "## Chapter\n\nOne two\nSource\na\tb"


def test_rich_text(reading: Reading) -> None:
    page = reading(b"{\\rtf1\\ansi The quiet {\\b harbour}.\\par}", "a.rtf")[1]
    assert page.text.replace("*", "") == "The quiet harbour."


def bad_files() -> Iterator[tuple[bytes, str]]:
    entities = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    yield word("").replace(b"word/document.xml", b"word/documint.xml"), "damaged"
    yield files.zipped({"word/document.xml": f"{entities}<w:document {WORD}>&b;</w:document>"}), "too_complex"
    yield files.zipped({"word/document.xml": " " * 60_000_000}), "too_complex"
    yield word("<w:sdt>" * 400 + paragraph("deep") + "</w:sdt>" * 400), "too_complex"
    yield files.zipped({"word/document.xml": "no markup at all"}), "damaged"


@pytest.mark.parametrize(("content", "code"), list(bad_files()))
def test_bad_office_files_are_named(reading: Reading, content: bytes, code: str) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(content)
    assert caught.value.code == code


def test_an_office_file_may_not_have_too_many_members(reading: Reading) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(files.docx("hello"), members=3)
    assert caught.value.code == "too_complex"
