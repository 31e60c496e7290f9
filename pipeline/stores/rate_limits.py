"""Limits of paid services, kept in Redis for all workers: requests and tokens in any minute, and pauses."""

import random
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from pipeline.errors import Misconfigured, ServiceUnavailable, Throttled
from pipeline.model import Booking

CONNECTIONS = 32
"""Of one process; its threads or greenlets take turns with them."""
LONGEST_PAUSE = 3600.0
"""Seconds; a service that asks for more is asked again after this."""


class Limit(NamedTuple):
    """What a service allows in a minute; 0 means no limit."""

    requests: int = 0
    tokens: int = 0


def redis_client(url: str) -> Any:  # noqa: ANN401  # the library's client has types that depend on its options
    """A client with time-outs and a bounded number of connections; ``rediss://`` for TLS."""
    import redis

    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=CONNECTIONS, timeout=30, socket_timeout=10, socket_connect_timeout=5, socket_keepalive=True
    )
    return redis.Redis(connection_pool=pool)


class RedisRateLimits:
    """Implements ``ports.RateLimit``: turns are given in the order in which they are asked for, and evenly spaced.

    Args:
        url: of the Redis server.
        limits: by name of the endpoint.
        others: of an endpoint that is not named; without a limit its pauses are kept.
        longest_wait: seconds that a caller waits for its turn at most.
        window: seconds that a limit is meant for; another than a minute is for tests.
    """

    def __init__(
        self,
        url: str,
        limits: Mapping[str, Limit],
        *,
        others: Limit = Limit(),  # noqa: B008  # it cannot be changed
        longest_wait: float = 30.0,
        window: float = 60.0,
    ) -> None:
        self._client = redis_client(url)
        self._script = self._client.register_script(files(__package__).joinpath("lua/rate_limit.lua").read_text("utf-8"))
        self._limits = dict(limits)
        self._others = others
        self._longest = round(longest_wait * 1000)
        self._window = round(window * 1000)

    def book(self, endpoint: str, tokens: int) -> Booking:
        """Wait for a turn.

        Raises:
            Throttled: the turn would come later than ``longest_wait``; says when to ask again.
            ServiceUnavailable: the Redis server cannot be reached.
        """
        slot, wait = self._run(endpoint, "book", tokens, self._longest)
        deadline = time.monotonic() + self._longest / 1000
        while slot >= 0 and wait > 0:
            time.sleep(wait / 1000)
            left = max(0, round((deadline - time.monotonic()) * 1000))
            slot, wait = self._run(endpoint, "go", slot, tokens, left)
        if slot < 0:
            # Spread out, so that those who are sent away do not all come back at one moment.
            later = wait / 1000 * random.uniform(1.0, 1.5)
            raise Throttled(f"The limit of {endpoint} is reached.", "rate_limit", later)
        return Booking(endpoint, slot, tokens)

    def settle(self, booking: Booking, tokens: int) -> None:
        """Correct the booking to what the call really used."""
        if tokens != booking.tokens and self._limits.get(booking.endpoint, self._others).tokens:
            self._run(booking.endpoint, "settle", booking.slot, tokens - booking.tokens)

    def slow_down(self, booking: Booking, retry_after: float) -> None:
        """Let nobody call for ``retry_after`` seconds, and all less often for a while."""
        self._run(booking.endpoint, "slow", booking.slot, round(min(retry_after, LONGEST_PAUSE) * 1000))

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _run(self, endpoint: str, operation: str, *arguments: int) -> tuple[int, int]:
        import redis

        limit = self._limits.get(endpoint, self._others)
        try:
            slot, wait = self._script(
                keys=[f"nlp-pipeline:rate:{endpoint}"],
                args=[operation, self._window, limit.requests, limit.tokens, *arguments],
            )
        except redis.AuthenticationError as fault:
            raise Misconfigured("The Redis server refuses the password of its URL.", "key_refused") from fault
        except (redis.ConnectionError, redis.TimeoutError) as fault:
            raise ServiceUnavailable("The Redis server that keeps the limits does not answer.") from fault
        return int(slot), int(wait)
