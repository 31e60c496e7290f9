"""What a worker says of itself when it is asked: ``celery -A pipeline.celery_app inspect memory``."""

import os
from typing import Any

from celery.worker.control import inspect_command

from pipeline.memory import resident


@inspect_command()  # type: ignore[untyped-decorator]  # Celery has no types
def memory(state: Any) -> dict[str, object]:  # noqa: ANN401
    """Process, queues, how many tasks it runs at once, and bytes of memory with its pool."""
    return {
        "pid": os.getpid(),
        "queues": sorted(state.app.amqp.queues.consume_from),
        "tasks": state.consumer.pool.limit,
        "memory": resident(os.getpid()),
    }
