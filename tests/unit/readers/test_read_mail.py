from email.message import EmailMessage

import pytest

from pipeline.errors import BadDocument
from pipeline.model import Attachment
from tests import reader_files as files
from tests.reader_files import Reading


def attachments(events: list[object]) -> dict[str, bytes]:
    return {event.name: event.content for event in events if isinstance(event, Attachment)}


def raw(body: str, *headers: str) -> bytes:
    return "\n".join(["Message-ID: <1@example.org>", "From: a@example.org", *headers, "", body]).encode("latin-1")


def test_headers_body_and_attachments(reading: Reading) -> None:
    events = reading(files.mail())
    info, page = events[:2]
    assert page.text == (
        "From: Anna Berg <anna@example.org>\nTo: Bo Lind <bo@example.org>\n"
        f"Date: Fri, 06 Mar 2020 10:00:00 +0100\nSubject: Überfahrt\n\n{files.SENTENCE}"
    )
    assert info.media_type == "message/rfc822"
    assert info.metadata["subject"] == "Überfahrt"
    assert attachments(events) == {"list.csv": b"one,two\n", "harbour.pdf": files.pdf([files.lines(files.SENTENCE)])}


def test_the_web_page_is_taken_where_the_plain_text_says_nothing(reading: Reading) -> None:
    message = EmailMessage()
    message["From"], message["Message-ID"] = "a@example.org", "<1@example.org>"
    message.set_content("See the other part.")
    message.add_alternative("<p>The harbour opens at seven and closes at nine, except on Sundays.</p>", subtype="html")
    text = reading(message.as_bytes())[1].text
    assert "except on Sundays" in text
    assert "<p>" not in text


def test_a_mail_in_a_mail_is_an_attachment(reading: Reading) -> None:
    outer = EmailMessage()
    outer["From"], outer["Message-ID"] = "a@example.org", "<1@example.org>"
    outer.set_content("forwarded")
    inner = EmailMessage()
    inner["Subject"], inner["Message-ID"] = "inside", "<2@example.org>"
    inner.set_content("the inner text")
    outer.add_attachment(inner)
    events = reading(outer.as_bytes())
    assert "the inner text" not in events[1].text
    ((name, content),) = attachments(events).items()
    assert name == "inside.eml"
    assert "the inner text" in reading(content)[1].text


@pytest.mark.parametrize(
    ("header", "body", "wanted"),
    [
        ("Content-Type: text/plain; charset=no-such", "Gr\xf6\xdfe", "Größe"),
        ("Content-Type: text/plain; charset=utf-8", "Gr\xf6\xdfe", "Größe"),
        ("Content-Type: text/plain\nContent-Transfer-Encoding: base64", "!!not base64!!", "not"),
        ("Subject: =?utf-8?B?broken", "text", "=?utf-8?B?broken"),
        ("Subject: =?no-such?Q?Gr=F6=DFe?=", "text", "Größe"),
        ("Subject: Gr\xf6\xdfe", "text", "Größe"),
        ("Content-Type: multipart/mixed; boundary=x", "--x\n\nthe last line is missing", "the last line is missing"),
    ],
)
def test_damage_is_survived(reading: Reading, header: str, body: str, wanted: str) -> None:
    assert wanted in reading(raw(body, header))[1].text


def test_mail_in_utf_16_is_read(reading: Reading) -> None:
    assert "Größe" in reading(raw("Gr\xf6\xdfe").decode("latin-1").encode("utf-16"))[1].text


def test_too_many_parts_are_refused(reading: Reading) -> None:
    parts = "--x\n\na\n" * 50
    with pytest.raises(BadDocument) as caught:
        reading(raw(parts + "--x--", "Content-Type: multipart/mixed; boundary=x"), mail_parts=20)
    assert caught.value.code == "too_complex"


def test_a_mailbox_gives_its_mails(reading: Reading) -> None:
    box = b"From a Fri\n" + raw("one") + b"\n\nFrom b Sat\n" + raw("two") + b"\n"
    contents = attachments(reading(box))
    assert list(contents) == ["message-1.eml", "message-2.eml"]
    assert reading(contents["message-2.eml"])[1].text == "From: a@example.org\n\ntwo"
