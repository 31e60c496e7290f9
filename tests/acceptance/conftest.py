"""Homes with everything embedded, in which the program runs as a person runs it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.program import Place
from tests.servers import temporary_home


@pytest.fixture(scope="session")
def new_place() -> Iterator[Callable[..., Place]]:
    """Makes homes. All is ended afterwards."""
    with ExitStack() as held:

        def make(**settings: str) -> Place:
            place = Place(held.enter_context(temporary_home()), **settings)
            held.callback(place.end)
            return place

        yield make


@pytest.fixture(scope="session")
def place(new_place: Callable[..., Place]) -> Place:
    """A home that several tests share; each has a project of its own."""
    return new_place()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
