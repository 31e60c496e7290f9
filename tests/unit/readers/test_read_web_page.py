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


def test_a_marked_main_text_leaves_out_what_stands_around_it() -> None:
    story = "The ship left the harbour at noon. " * 5
    main = f"<main><article><p>{story}</p><aside>Buy paint</aside></article></main>"
    page = f"<nav>Home Sport</nav>{main}<footer>Imprint</footer>"
    text = visible_text(page.encode())[1]
    assert story.strip() in text
    assert not [word for word in ("Sport", "paint", "Imprint") if word in text]


def test_a_page_that_is_mostly_outside_its_main_text_is_kept_whole() -> None:
    page = "<main><p>Welcome.</p></main><div><p>The whole report stands here, outside of what is marked.</p></div>"
    assert "The whole report" in visible_text(page.encode())[1]
