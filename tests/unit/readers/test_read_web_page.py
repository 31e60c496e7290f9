import pytest

from pipeline.readers.web_page import visible_text

PAGE = """<html><head><title>Harbour</title><style>p {}</style></head><body><script>hidden()</script>
<h2>Opening   hours</h2><p>From <b>seven</b> to nine,<br>daily.</p><p style="display: none">secret</p><p hidden>secret</p>
<ul><li>boats<li>ships</ul><table><tr><th>Day</th><th>Hour</th></tr><tr><td>Mon</td><td>7</td></tr></table>
<pre>a  b
c</pre><img alt="A boat"><template>secret</template></body></html>"""


def test_what_a_person_sees() -> None:
    title, text = visible_text(PAGE.encode())
    assert title == "Harbour"
    assert text == (
        "Harbour\n\n## Opening hours\n\n"
        "From seven to nine,\ndaily.\n\n- boats\n- ships\n\nDay\tHour\nMon\t7\n\na b\nc\n\nA boat"
    )


@pytest.mark.parametrize(
    "content",
    [
        '<meta charset="iso-8859-1"><p>Größe'.encode("iso-8859-1"),
        "<p>Größe".encode(),
        "<p>Größe".encode("utf-16"),
        '<?xml version="1.0" encoding="utf-8"?><html><p>Größe</p></html>'.encode(),
        '<meta charset="iso-8859-1"><p>Größe'.encode(),
    ],
)
def test_the_encoding_is_found(content: bytes) -> None:
    assert visible_text(content)[1] == "Größe"


def test_deep_pages_are_read() -> None:
    assert visible_text(b"<div>" * 3000 + b"deep" + b"</div>" * 3000)[1] == "deep"


def test_a_page_without_text_is_empty() -> None:
    assert visible_text(b"<html><body></body></html>") == ("", "")
    assert visible_text(b"  ") == ("", "")
