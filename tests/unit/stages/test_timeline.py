"""Dates belong to an entity if one sentence names both."""

from typing import Any

from pipeline.stages.timeline import PASSAGES, Near, timeline

TEXT = "It rained. Dr. Ada Lovelace came on 3 May 1841 to London. Babbage died in 1871."
OFFSET = 100
PLACE: dict[str, Any] = {"document_id": "d"}


def near(date: str, name: str = "Ada Lovelace", text: str = TEXT) -> Near:
    at, named = text.index(date) + OFFSET, text.index(name) + OFFSET
    return Near(date, (at, at + len(date)), (named, named + len(name)), text, OFFSET, PLACE)


def test_a_date_in_the_same_sentence_is_shown_with_it() -> None:
    (entry,) = timeline([near("3 May 1841"), near("1871")])
    (passage,) = entry.passages
    assert (entry.moment.text, entry.mentions) == ("1841-05-03", 1)
    assert passage.text == "Dr. Ada Lovelace came on 3 May 1841 to London."
    assert [passage.text[start:end] for start, end in passage.highlights] == ["Ada Lovelace", "3 May 1841"]
    assert TEXT[passage.start - OFFSET : passage.end - OFFSET] == passage.text
    assert passage.place == PLACE


def test_moments_stand_in_order_and_the_same_moment_once() -> None:
    texts = ["Ada in May 1841", "Ada in 1841", "Ada on 1 May 1841", *["Ada on 2 January 1840"] * (PASSAGES + 2), "Ada soon"]
    entries = timeline([near(text[7:], "Ada", text) for text in texts])
    assert [(entry.moment.text, entry.mentions, len(entry.passages)) for entry in entries] == [
        ("1840-01-02", PASSAGES + 2, PASSAGES),
        ("1841", 1, 1),
        ("1841-05", 1, 1),
        ("1841-05-01", 1, 1),
    ]
