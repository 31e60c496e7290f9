"""Columns of a table, from where words stand on the page."""

from pipeline.model import Box, Page, Word
from pipeline.stages.cells import with_cells


def page(*words: tuple[str, float, float], top: float = 0.1, height: float = 0.02, width: float = 600.0) -> Page:
    """A line of words: text, left and right as fractions of the page's width; the page is as high as wide."""
    text, spots = "", []
    for word, left, right in words:
        text += " " if text else ""
        spots.append(Word(len(text), len(text) + len(word), Box(left, top, right, top + height)))
        text += word
    return Page(1, text, words=tuple(spots), width=width, height=600.0)


def test_a_wide_space_stands_between_two_cells() -> None:
    made = with_cells(page(("Nils", 0.1, 0.14), ("Ekroth", 0.15, 0.2), ("Klaipeda", 0.3, 0.38), ("1,540", 0.5, 0.55)))
    assert made.text == "Nils Ekroth\tKlaipeda\t1,540"


def test_words_keep_their_places() -> None:
    plain = page(("Ekroth", 0.1, 0.2), ("Klaipeda", 0.4, 0.5))
    made = with_cells(plain)
    assert made.words == plain.words
    assert [made.text[word.start : word.end] for word in made.words] == ["Ekroth", "Klaipeda"]


def test_a_justified_line_stays_a_sentence() -> None:
    plain = page(("The", 0.1, 0.14), ("berth", 0.165, 0.21), ("was", 0.235, 0.27), ("closed.", 0.3, 0.35))
    assert with_cells(plain) is plain


def test_width_is_measured_as_height_is() -> None:
    words = ("Ekroth", 0.1, 0.2), ("Klaipeda", 0.24, 0.3)  # 0.04 of the width: 24 points of a page as wide as high
    assert with_cells(page(*words)).text == "Ekroth\tKlaipeda"
    assert with_cells(page(*words, width=300)).text == "Ekroth Klaipeda"  # 12 points, as high as the words


def test_a_line_that_goes_on_elsewhere_is_no_row() -> None:
    one, other = page(("Ekroth", 0.1, 0.2)), page(("Klaipeda", 0.5, 0.6), top=0.4)
    moved = other.words[0]._replace(start=7, end=15)
    plain = Page(1, "Ekroth Klaipeda", words=(one.words[0], moved), width=600, height=600)
    assert with_cells(plain) is plain


def test_a_page_without_a_layout() -> None:
    plain = Page(1, "Ekroth  Klaipeda")
    assert with_cells(plain) is plain
