import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Chunk, PageSpan, Source
from pipeline.stages.chunking import chunk, embedded_text


class Words:
    """A tokenizer: words and signs; counts how much text it is given."""

    def __init__(self) -> None:
        self.characters = 0

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        self.characters += len(text)
        return [found.span() for found in re.finditer(r"\w|[^\w\s]" if " " not in text else r"\w+|[^\w\s]", text)]


def cut(text: str, most: int, pages: tuple[PageSpan, ...] = ()) -> list[Chunk]:
    return chunk(text, pages or (PageSpan(1, 0, len(text), Source.TEXT, 1.0),), Words(), most)


def passages(text: str, most: int) -> list[str]:
    return [text[c.start : c.end] for c in cut(text, most)]


SENTENCE = "The clerk counted the crates again."  # 7 tokens


def test_empty_and_blank_texts_have_no_chunks() -> None:
    assert cut("", 10) == cut(" \n\n ", 10) == []


def test_a_short_text_is_one_chunk() -> None:
    assert cut(f" {SENTENCE} ", 10) == [Chunk(0, 1, 1 + len(SENTENCE))]


def test_borders_are_between_sentences() -> None:
    assert passages(" ".join([SENTENCE] * 6), 15) == [f"{SENTENCE} {SENTENCE}"] * 3


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraph = " ".join([SENTENCE] * 2)
    assert passages("\n\n".join([paragraph, SENTENCE + " " + SENTENCE, paragraph]), 17) == [paragraph] * 3


def test_a_heading_opens_a_chunk_and_names_those_of_its_section() -> None:
    text = f"# Ledger\n\n{' '.join([SENTENCE] * 5)}\n\nHarbour Office\n\n{' '.join([SENTENCE] * 2)}"
    chunks = cut(text, 22)
    assert [c.heading for c in chunks] == ["Ledger", "Ledger", "Harbour Office"]
    assert text[chunks[2].start :].startswith("Harbour Office")
    assert embedded_text(text, chunks[1]).startswith("Ledger\nThe clerk")
    assert embedded_text(text, chunks[0]).count("Ledger") == 1


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    text = " ".join(f"word{i}" for i in range(100))
    parts = passages(text, 16)
    assert " ".join(parts) == text
    assert max(len(part.split()) for part in parts) <= 16


def test_a_word_that_is_too_long_is_cut_too() -> None:
    assert "".join(passages("x" * 50, 16)) == "x" * 50
    assert max(map(len, passages("x" * 50, 16))) <= 16


def test_the_text_is_tokenised_once() -> None:
    words = Words()
    text = " ".join([SENTENCE] * 500)
    chunk(text, (), words, 32)
    assert words.characters == len(text)


@given(st.text(alphabet="aB .!?\n#。1", max_size=300), st.integers(1, 12))
def test_chunks_cover_the_text_within_the_limit(text: str, most: int) -> None:
    chunks = cut(text, most)
    tokens = Words().token_spans(text)
    assert [c.index for c in chunks] == list(range(len(chunks)))
    assert all(left.end <= right.start for left, right in pairwise(chunks))
    assert all(sum(c.start <= a < c.end for a, _ in tokens) <= most for c in chunks)
    outside = set(range(len(text))) - {at for c in chunks for at in range(c.start, c.end)}
    assert all(text[at].isspace() for at in outside)


def test_a_long_text_is_tokenised_piece_by_piece_and_cut_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n".join(f"{number}. Heading\n\n{SENTENCE} " * 7 for number in range(30))
    at_once = cut(text, 20)
    monkeypatch.setattr("pipeline.stages.chunking.TOKENIZED", 50)
    assert cut(text, 20) == at_once
