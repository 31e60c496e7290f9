"""What the broker says: how many messages wait in each queue, and which workers answer."""

from collections.abc import Iterable
from typing import NamedTuple

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from pipeline.errors import ServiceUnavailable
from pipeline.supervisor.probes import where

SECONDS = 3.0
ANSWERS = 1.0  # seconds that workers have to answer
PRIORITIES = (0, 3, 6, 9)
_OPTIONS = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}


class Answer(NamedTuple):
    """A worker that answered; ``memory`` in bytes with its pool, ``tasks`` at one time."""

    pid: int | None
    queues: tuple[str, ...]
    tasks: int | None
    memory: int | None


class Heard(NamedTuple):
    """Messages by queue, how many workers have taken without having ended them, and the workers that answered, by name."""

    messages: dict[str, int]
    taken: int
    workers: dict[str, Answer]


class Broker:
    """A way to the broker, for one thread.

    Args:
        url: where it is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = redis.Redis.from_url(url, **_OPTIONS)
        self._app = Celery("monitor", broker=url, set_as_current=False)
        self._app.conf.broker_transport_options = _OPTIONS

    def look(self, queues: Iterable[str]) -> Heard:
        """Ask broker and workers; takes as long as the workers have to answer.

        Raises:
            ServiceUnavailable: the broker does not answer, or refuses.
        """
        names = tuple(queues)
        try:
            messages, taken = self._messages(names)
            replies = self._app.control.broadcast("memory", reply=True, timeout=ANSWERS) if self._listened() else []
        except (redis.RedisError, OperationalError, OSError) as fault:
            why = str(fault).strip().partition("\n")[0].rstrip(". ")
            raise ServiceUnavailable(f"The broker at {where(self.url)} does not answer: {why}.") from fault
        return Heard(messages, taken, {name: _answer(said) for reply in replies or () for name, said in reply.items()})

    def close(self) -> None:
        """Give back connections."""
        self._app.close()
        self._client.close()

    def _messages(self, names: tuple[str, ...]) -> tuple[dict[str, int], int]:
        with self._client.pipeline(transaction=False) as asked:
            for name in names:
                for priority in PRIORITIES:
                    asked.llen(key(name, priority))
            asked.hlen("unacked")
            *lengths, taken = asked.execute()
        step = len(PRIORITIES)
        return {name: sum(lengths[n * step : (n + 1) * step]) for n, name in enumerate(names)}, taken

    def _listened(self) -> bool:
        """Whether there is anybody to answer: nobody is waited for otherwise."""
        return int(self._client.pubsub_numpat()) > 0


def key(queue: str, priority: int) -> str:
    """Name of the list in which the broker keeps a queue's messages of a priority; as kombu has it."""
    return f"{queue}\x06\x16{priority}" if priority else queue


def _answer(said: object) -> Answer:
    if not isinstance(said, dict) or "error" in said:  # an older version, which does not know the question
        return Answer(None, (), None, None)
    return Answer(said["pid"], tuple(said["queues"]), said["tasks"], said["memory"])
