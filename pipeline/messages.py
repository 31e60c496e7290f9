"""What waits in the broker's queues, as far as the queue processor must know it."""

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from pipeline.celery_app import app
from pipeline.queues import WORKER_TYPES


def waiting_ids() -> set[str]:
    """First arguments of all tasks that wait for a worker: ids of documents and of projects.

    Raises:
        kombu.exceptions.OperationalError: the broker is away.
    """
    with app.connection_or_acquire() as connection:
        connection.ensure_connection(max_retries=1)
        with connection._reraise_as_library_errors():
            return set(_first_arguments(connection.default_channel))


def _first_arguments(channel: Any) -> Iterator[str]:  # noqa: ANN401  # kombu has no types
    for queue in (w.name for w in WORKER_TYPES):
        for priority in channel.priority_steps:
            for message in channel.client.lrange(channel._q_for_pri(queue, priority), 0, -1):
                args, *_ = json.loads(b64decode(json.loads(message)["body"]))
                yield from map(str, args[:1])
