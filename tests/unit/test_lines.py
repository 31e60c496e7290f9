"""From characters to boxes: one a line, none of another word."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Box, Word, boxes_of

LINE = ["Ada", "Lovelace,", "born"]
NEXT = ["in", "London."]


def layout(*lines: list[str]) -> list[Word]:
    """Words with one character in between; each character is 0.02 wide, each line 0.1 high."""
    words, at = [], 0
    for row, line in enumerate(lines):
        left = 0.1
        for text in line:
            right = left + 0.02 * len(text)
            words.append(Word(at, at + len(text), Box(left, 0.1 * row + 0.02, right, 0.1 * row + 0.06)))
            at, left = at + len(text) + 1, right + 0.02
    return words


def rounded(boxes: list[Box]) -> list[tuple[float, ...]]:
    return [tuple(round(x, 6) for x in box) for box in boxes]


def test_words_of_a_line_are_joined_and_lines_are_not() -> None:
    words = layout(LINE, NEXT)
    assert rounded(boxes_of(words, 0, 12)) == [(0.1, 0.02, 0.34, 0.06)]  # without the comma
    assert rounded(boxes_of(words, 14, 21)) == [(0.38, 0.02, 0.46, 0.06), (0.1, 0.12, 0.14, 0.16)]


def test_a_part_of_a_word_has_its_share_of_the_box() -> None:
    (box,) = rounded(boxes_of([Word(0, 10, Box(0.0, 0.1, 0.5, 0.2))], 2, 6))
    assert box == (0.1, 0.1, 0.3, 0.2)
    upright = Word(0, 10, Box(0.1, 0.1, 0.12, 0.6))
    assert boxes_of([upright], 2, 6) == [upright.box]


def test_where_no_word_stands_is_no_box() -> None:
    words = layout(LINE)
    assert boxes_of(words, 3, 4) == []
    assert boxes_of(words, 500, 600) == []
    assert boxes_of([], 0, 10) == []


def test_what_lies_beside_the_page_has_no_box() -> None:
    seen = Word(0, 3, Box(0.9, 0.1, 1.0, 0.2))
    assert boxes_of([seen, Word(4, 7, Box(1.0, 0.1, 1.0, 0.2)), Word(8, 9, Box(0.5, 1.0, 0.6, 1.0))], 0, 9) == [seen.box]


def test_a_line_that_climbs_is_one_line() -> None:
    slanting = [Word(5 * n, 5 * n + 4, Box(0.1 * n, 0.5 - 0.012 * n, 0.1 * n + 0.08, 0.54 - 0.012 * n)) for n in range(9)]
    assert len(boxes_of(slanting, 0, 100)) == 1


@given(st.integers(0, 30), st.integers(1, 30))
def test_boxes_cover_the_words_of_the_range_and_no_others(start: int, length: int) -> None:
    words = layout(LINE, NEXT, LINE)
    boxes = boxes_of(words, start, start + length)

    def covered(word: Word) -> bool:
        x, y = (word.box.left + word.box.right) / 2, (word.box.top + word.box.bottom) / 2
        return any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in boxes)

    for word in words:
        if start <= word.start and word.end <= start + length:
            assert covered(word)
        if word.end <= start or word.start >= start + length:
            assert not covered(word)
