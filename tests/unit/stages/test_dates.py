"""Written dates, as exact as they are written."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.dates import read_date


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("3 May 1941", "1941-05-03"),
        ("May 3rd, 1941", "1941-05-03"),
        ("the 3rd of May, 1941", "1941-05-03"),
        ("3. Mai 1941", "1941-05-03"),
        ("Dienstag, 1. März 1803", "1803-03-01"),
        ("le 1er février 1941", "1941-02-01"),
        ("1941-05-03T10:00", "1941-05-03"),
        ("03.05.1941", "1941-05-03"),
        ("5/13/1941", "1941-05-13"),
        ("13/5/1941", "1941-05-13"),
        ("Sept. 11, 2001", "2001-09-11"),
        ("Wednesday, March 5, 2012 10:33 AM", "2012-03-05"),
        ("im Mai 1941", "1941-05"),
        ("May 1941", "1941-05"),
        ("05/1941", "1941-05"),
        ("3–5 May 1941", "1941-05"),
        ("22. bis 24. Juni 1941", "1941-06"),
        ("3/4/1941", "1941"),
        ("May/June 1941", "1941"),
        ("Spring 1941", "1941"),
        ("Jahr 1999", "1999"),
        ("1941", "1941"),
    ],
)
def test_a_date_is_as_exact_as_it_is_written(text: str, iso: str) -> None:
    moment = read_date(text)
    assert moment is not None
    assert (moment.text, moment.precision) == (iso, {10: "day", 7: "month", 4: "year"}[len(iso)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "May 3",
        "Mayor",
        "the 1990s",
        "31.02.1999",
        "between 1941 and 1943",
        "1941-43",
        "2,012",
        "3.5.41",
        "12:1941",
    ],
)
def test_what_cannot_be_placed_is_no_date(text: str) -> None:
    assert read_date(text) is None


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(2099, 12, 31)))
def test_every_day_is_read_in_every_way_of_writing_it(day: date) -> None:
    for style in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%d. %b %Y"):
        moment = read_date(format(day, style))
        assert moment is not None
        assert (moment.day, moment.precision) == (day, "day"), style


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_none(text: str) -> None:
    read_date(text)
