import os
import signal

import pytest

from pipeline.cli.stopping import STOPS, undivided


@pytest.fixture(autouse=True)
def _interrupts() -> None:
    """A test run from a background shell was told to ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def work(done: list[str], *stops: signal.Signals) -> None:
    """Two halves of a thing, with stops before each."""
    with undivided():
        for stop, half in zip(stops, ("moved", "counted"), strict=False):
            os.kill(os.getpid(), stop)
            done.append(half)
        done.append("whole")


def fail() -> None:
    """What is stopped and fails as well."""
    with undivided():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError("away")


def test_a_stop_waits_for_the_end_of_the_block() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, signal.SIGTERM)
    assert done == ["moved", "whole"]


def test_a_second_stop_waits_for_nothing() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, signal.SIGINT, signal.SIGINT)
    assert done == ["moved"]


def test_what_was_ignored_before_is_ignored_inside() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    done: list[str] = []
    work(done, signal.SIGINT, signal.SIGINT)
    assert done == ["moved", "counted", "whole"]


def test_a_fault_inside_is_told_and_stops_mean_again_what_they_meant() -> None:
    before = [signal.getsignal(each) for each in STOPS]
    with pytest.raises(ValueError, match="away"):
        fail()
    assert [signal.getsignal(each) for each in STOPS] == before
