from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Mr. J. Smith went to Washington, D.C. on Friday.", "He met Dr. Lamb, e.g. twice."],
        ["It cost $3.50!", "Nobody paid."],
        ["See Fig. 2 on p. 3.", "Then go on."],
        ['"Really?" he said.', "She nodded."],
        ["彼は来た。", "彼女は見た！"],
        ["मैं आया।", "वह गया।"],
        ["هل جاء؟", "نعم."],
    ],
)
def test_full_stops(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_chinese_needs_no_space() -> None:
    assert sentences("他来了。她看见了！好") == ["他来了。", "她看见了！", "好"]


def test_wrapped_lines_are_one_sentence_and_list_lines_are_several() -> None:
    wrapped = "The first line of a paragraph that was wrapped by its\nwriter goes on here."
    assert sentences(f"# Title\n{wrapped}\n\n1. One item\n2. Another item\n- a third") == [
        "# Title", wrapped, "1. One item", "2. Another item", "- a third",
    ]  # fmt: skip


def test_blank_line_ends_a_sentence_without_a_stop() -> None:
    assert sentences("no stop here\n \nnor there") == ["no stop here", "nor there"]


@given(st.text(alphabet="aB .!?\n。-1'\"", max_size=200))
def test_nothing_but_white_space_is_left_out(text: str) -> None:
    spans = sentence_spans(text)
    assert all(a < b for a, b in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    outside = set(range(len(text))) - {at for a, b in spans for at in range(a, b)}
    assert all(text[at].isspace() for at in outside)
