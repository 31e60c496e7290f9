import pytest

from pipeline.model import Page, PageSpan, Source
from pipeline.stages.canonical import assemble, category
from pipeline.stages.language import language


def test_a_single_page_passes_unchanged() -> None:
    text = " a\r\n\u2028b \n"
    assert assemble([Page(1, text)]) == (text, (PageSpan(1, 0, len(text), Source.TEXT, 1.0),))


def test_every_page_is_where_its_span_says() -> None:
    pages = [Page(1, "one"), Page(2, ""), Page(4, "scanned", Source.OCR, 0.8)]
    text, spans = assemble(pages)
    assert [text[span.start : span.end] for span in spans] == [page.text for page in pages]
    assert [(span.number, span.source, span.confidence) for span in spans][2] == (4, Source.OCR, 0.8)


def test_no_pages_make_an_empty_text() -> None:
    assert assemble([]) == ("", ())


@pytest.mark.parametrize(
    ("media_type", "text", "expected"),
    [
        ("message/rfc822", "Dear Ann,", "email"),
        ("text/plain", "From: Ann\nSent: Monday\nTo: Ben\n\nhello", "email"),
        ("application/pdf", "4 May 1911\n\nDear Sir,\n\nwe regret", "letter"),
        ("image/jpeg", "", "image"),
        ("image/jpeg", "Invoice number 17\nAmount due: 12.00", "invoice"),
        ("audio/x-wav", "Dear listeners", "recording"),
        ("text/html", "<p>", "web page"),
        ("application/pdf", "Annual Report\n\n1911", "report"),
        ("text/plain", "call Ben", "note"),
        ("application/pdf", "words " * 500, "document"),
        ("application/pdf", "words " * 5000, "report"),
    ],
)
def test_category(media_type: str, text: str, expected: str) -> None:
    assert category(media_type, text, {}) == expected


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("en", "The harbour office closed at noon and it was quiet."),
        ("de", "Der Bürgermeister unterschrieb den Vertrag und die Brücke ist fertig."),
        ("fr", "Le maire a signé le contrat pour le pont dans la ville."),
        ("es", "El alcalde firmó el contrato de la obra y se fue con los demás."),
        ("ru", "Мэр города был на мосте, но там не ждали, и для них это всё равно"),
        ("ja", "市長は新しい橋の契約に署名しました。"),
        ("zh", "市长签署了新桥的合同。"),
        ("ar", "وقع رئيس البلدية عقد الجسر الجديد"),
        ("", "ok"),
        ("", "4711 / 12.50 – 17"),
        ("", ""),
    ],
)
def test_language(expected: str, text: str) -> None:
    assert language(text) == expected
