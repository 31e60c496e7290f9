"""Answers that were paid for: in the memory of one process, or in Redis for all workers."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pipeline.errors import ServiceUnavailable
from pipeline.stores.rate_limits import redis_client

LONGEST_TURN = 120.0
"""Seconds after which whoever asks the same is no longer waited for."""
LOOK_AGAIN = 0.1


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
    def turn(self, fingerprint: str) -> Iterator[None]:
        """Wait while another thread or greenlet asks the same."""
        with self._own:
            lock, waiting = self._turns.get(fingerprint, (threading.Lock(), 0))
            self._turns[fingerprint] = lock, waiting + 1
        alone = lock.acquire(timeout=LONGEST_TURN)
        try:
            yield
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
        self._keep = keep

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
    def turn(self, fingerprint: str) -> Iterator[None]:
        """Wait while another worker asks the same."""
        from redis.exceptions import LockError

        lock = self._client.lock(
            f"nlp-pipeline:turn:{fingerprint}",
            timeout=LONGEST_TURN,
            blocking_timeout=LONGEST_TURN,
            sleep=LOOK_AGAIN,
            thread_local=False,
        )
        with _translated():
            alone = lock.acquire()
        try:
            yield
        finally:
            if alone:
                try:
                    with _translated():
                        lock.release()
                except (LockError, ServiceUnavailable):
                    pass  # it ends by itself

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
