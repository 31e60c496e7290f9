"""What every memory of paid answers promises."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.ports import AnswerCache
from pipeline.stores.answers import MemoryAnswers, RedisAnswers
from pipeline.stores.database import Database
from pipeline.stores.kept_answers import KeptAnswers
from pipeline.stores.rate_limits import redis_client


@pytest.fixture(params=["memory", "redis", "database"])
def answers(request: pytest.FixtureRequest) -> Iterator[AnswerCache]:
    if request.param == "memory":
        yield MemoryAnswers()
        return
    redis = RedisAnswers(request.getfixturevalue("broker_url"))
    if request.param == "redis":
        yield redis
        return
    with closing(Database(request.getfixturevalue("database_url"))) as database:
        yield KeptAnswers(database, redis)


@contextmanager
def started(*threads: threading.Thread) -> Iterator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def test_what_was_put_is_there(answers: AnswerCache) -> None:
    answers.put({"a": "one", "b": "zwei 🍊"})
    assert answers.get(["b", "missing", "a"]) == {"a": "one", "b": "zwei 🍊"}
    assert answers.get([]) == {}
    with answers.turn("a") as known:
        assert known == "one"


def test_one_of_many_who_ask_at_once_pays(answers: AnswerCache) -> None:
    paid, heard = [], []

    def ask() -> None:
        with answers.turn("question") as known:
            if known is None:
                paid.append(1)
                time.sleep(0.3)
                known = "answer"
                answers.put({"question": known})
            heard.append(known)

    with started(*(threading.Thread(target=ask) for _ in range(12))):
        pass
    assert paid == [1]
    assert heard == ["answer"] * 12


def test_who_fails_gives_the_turn_to_the_next(answers: AnswerCache) -> None:
    with pytest.raises(ZeroDivisionError), answers.turn("question"):
        raise ZeroDivisionError
    began = time.monotonic()
    with answers.turn("question") as known:
        assert known is None
    assert time.monotonic() - began < 10


def test_who_hears_the_answer_leaves_the_turn_to_whoever_has_it(broker_url: str) -> None:
    answers, broker = RedisAnswers(broker_url), redis_client(broker_url)
    with answers.turn("question") as known:
        assert known is None
        answers.put({"question": "answer"})
        with answers.turn("question") as heard:
            assert heard == "answer"
        assert broker.exists("nlp-pipeline:turn:question")
    assert not broker.exists("nlp-pipeline:turn:question"), "its owner gives it back"
    broker.close()


def test_other_questions_do_not_wait(answers: AnswerCache) -> None:
    with answers.turn("one"), answers.turn("other") as known:
        assert known is None


def test_memory_is_bounded() -> None:
    answers = MemoryAnswers(most=3)
    answers.put({str(number): "x" for number in range(5)})
    assert sorted(answers.get(list("01234"))) == ["2", "3", "4"]


def test_a_server_that_is_away() -> None:
    answers = RedisAnswers("redis://127.0.0.1:1/0")
    with pytest.raises(ServiceUnavailable):
        answers.get(["a"])
    with pytest.raises(ServiceUnavailable):
        answers.put({"a": "b"})
    with pytest.raises(ServiceUnavailable), answers.turn("a"):
        pass
