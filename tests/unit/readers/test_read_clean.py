from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.clean import clean, safe_name, tidy

ANY = st.text(st.characters(codec=None))


@given(ANY)
def test_cleaned_text_can_be_stored(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not {"\0", "\r"} & set(cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(ANY)
def test_tidied_text_keeps_its_words(text: str) -> None:
    assert tidy(text).split() == clean(text).split()
    assert tidy(tidy(text)) == tidy(text)


def test_line_ends_become_one_kind() -> None:
    assert clean("a\r\nb\rc\nd") == "a\nb\nc\nd"


@given(ANY)
def test_names_are_safe(name: str) -> None:
    safe = safe_name(name, "file")
    assert safe not in {"", ".", ".."}
    assert not set('/\\\0\n"') & set(safe)
    assert len(safe.encode()) <= 150


def test_names_keep_what_people_see() -> None:
    assert safe_name("../../etc/отчёт “май”.pdf", "file") == "отчёт “май”.pdf"
    assert safe_name("C:\\a\\" + "ü" * 300 + ".docx", "file").endswith("ü.docx")
