"""Answers that were paid for: in the memory of one process, or in Redis for all workers."""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from pipeline.errors import ServiceUnavailable
from pipeline.stores.rate_limits import redis_client

LONGEST_TURN = 120.0
"""Seconds after which whoever asks the same is no longer waited for."""
SILENCE = 20.0
"""Seconds after which a worker that does not renew its turn is taken for dead; it renews it at a third of them."""
LOOK_AGAIN = 0.1
GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"


class MemoryAnswers:
    """Implements ``ports.AnswerCache`` for one process; the oldest answers are forgotten.

    Args:
        most: answers that are kept.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._answers: OrderedDict[str, str] = OrderedDict()
        self._turns: dict[str, tuple[threading.Lock, int]] = {}
        self._own = threading.Lock()
        self._most = most

    def get(self, fingerprints: Sequence[str]) -> dict[str, str]:
        """The answers that are known, by fingerprint."""
        with self._own:
            return {key: self._answers[key] for key in fingerprints if key in self._answers}

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers by fingerprint."""
        with self._own:
            self._answers.update(answers)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    @contextmanager
    def turn(self, fingerprint: str) -> Iterator[str | None]:
        """The answer, or the right to ask for it; waits while another thread or greenlet asks."""
        with self._own:
            lock, waiting = self._turns.get(fingerprint, (threading.Lock(), 0))
            self._turns[fingerprint] = lock, waiting + 1
        alone = lock.acquire(timeout=LONGEST_TURN)
        try:
            yield self._answers.get(fingerprint)
        finally:
            if alone:
                lock.release()
            with self._own:
                _, waiting = self._turns.pop(fingerprint)
                if waiting > 1:
                    self._turns[fingerprint] = lock, waiting - 1


class RedisAnswers:
    """Implements ``ports.AnswerCache`` for all workers.

    Args:
        url: of the Redis server.
        keep: how long an answer is remembered.
    """

    def __init__(self, url: str, keep: timedelta = timedelta(days=7)) -> None:
        self._client = redis_client(url)
        self._give_back = self._client.register_script(GIVE_BACK)
        self._renew = self._client.register_script(RENEW)
        self._keep = keep
        self._held: dict[tuple[str, str], None] = {}
        self._renewing = threading.Lock()

    def get(self, fingerprints: Sequence[str]) -> dict[str, str]:
        """The answers that are known, by fingerprint.

        Raises:
            ServiceUnavailable: the Redis server cannot be reached; so do the other methods.
        """
        with _translated():
            known = self._client.mget([_place(key) for key in fingerprints]) if fingerprints else []
        return {key: value.decode() for key, value in zip(fingerprints, known, strict=True) if value is not None}

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers by fingerprint."""
        with _translated(), self._client.pipeline(transaction=False) as batch:
            for key, value in answers.items():
                batch.set(_place(key), value, ex=self._keep)
            batch.execute()

    @contextmanager
    def turn(self, fingerprint: str) -> Iterator[str | None]:
        """The answer, or the right to ask for it; waits while another worker asks."""
        place, token = f"nlp-pipeline:turn:{fingerprint}", uuid.uuid4().hex
        answer = self._answer_or_turn(fingerprint, place, token)
        if answer is None:
            self._hold(place, token)
        try:
            yield answer
        finally:
            if answer is None:
                self._held.pop((place, token), None)
                with suppress(ServiceUnavailable), _translated():  # it ends by itself
                    self._give_back(keys=[place], args=[token])

    def _answer_or_turn(self, fingerprint: str, place: str, token: str) -> str | None:
        deadline = time.monotonic() + LONGEST_TURN
        while True:
            with _translated(), self._client.pipeline(transaction=False) as batch:
                batch.set(place, token, nx=True, px=round(SILENCE * 1000))
                batch.get(_place(fingerprint))  # after the turn was asked for: an answer comes before its turn ends
                mine, answer = batch.execute()
                if mine and answer is not None:
                    self._give_back(keys=[place], args=[token])
            if answer is not None:
                return str(answer.decode())
            if mine or time.monotonic() > deadline:
                return None
            time.sleep(LOOK_AGAIN)

    def _hold(self, place: str, token: str) -> None:
        self._held[place, token] = None
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._go_on_renewing, name="turns", daemon=True).start()

    def _go_on_renewing(self) -> None:
        """As long as this process lives: who died is waited for no longer than its silence."""
        while True:
            time.sleep(SILENCE / 3)
            for place, token in list(self._held):
                with suppress(ServiceUnavailable), _translated():
                    self._renew(keys=[place], args=[token, round(SILENCE * 1000)])

    def close(self) -> None:
        """Give back connections."""
        self._client.close()


def _place(fingerprint: str) -> str:
    return f"nlp-pipeline:answer:{fingerprint}"


@contextmanager
def _translated() -> Iterator[None]:
    import redis

    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as fault:
        raise ServiceUnavailable("The Redis server that keeps the answers does not answer.") from fault
