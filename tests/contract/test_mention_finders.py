"""What every finder of mentions promises."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.engines.entities.patterns import PatternFinder
from pipeline.engines.entities.spacy_finder import PACKAGED, SpacyFinder
from pipeline.engines.remote.finder import RemoteFinder
from pipeline.ports import MentionFinder
from tests.office import TestOffice
from tests.standins.openai import OpenAIStandIn

LETTER = (
    "On 4 May 1911 Margaret Orley of Boston wrote to the Royal Bank of Scotland about £2,400.\n\n"
    "Reply to orley@example.org, or see https://example.org/mill.\n\n"
)


@pytest.fixture(scope="module", params=["spacy", "patterns", "remote"])
def finder(request: pytest.FixtureRequest, models: Path) -> Iterator[MentionFinder]:
    if request.param == "remote":
        with OpenAIStandIn() as standin:
            yield RemoteFinder(TestOffice().caller(standin))
    elif request.param == "patterns":
        yield PatternFinder()
    else:
        yield SpacyFinder(PACKAGED, models)


@pytest.mark.parametrize("text", [LETTER, LETTER * 60, LETTER.replace(" ", "  \n"), "x" * 20_000, "🍊 " + LETTER])
def test_mentions_are_ordered_apart_and_inside(finder: MentionFinder, text: str) -> None:
    found = finder.find(text)
    assert all(left.end <= right.start for left, right in pairwise(found))
    for mention in found:
        name = text[mention.start : mention.end]
        assert name == name.strip()
        assert name
        assert "\n\n" not in name
        assert 0 < mention.confidence <= 1


def test_something_is_found_everywhere_in_a_long_text(finder: MentionFinder) -> None:
    text = LETTER * 60
    places = {mention.start // len(LETTER) for mention in finder.find(text)}
    assert places == set(range(60))


@pytest.mark.parametrize("text", ["", " \n\n\t ", "0", "\n" * 5000])
def test_nothing_to_find(finder: MentionFinder, text: str) -> None:
    assert finder.find(text) == []


def test_the_same_text_gives_the_same_mentions(finder: MentionFinder) -> None:
    assert finder.find(LETTER) == finder.find(LETTER)


def test_engine(finder: MentionFinder) -> None:
    assert finder.engine.name
    assert finder.engine.version
