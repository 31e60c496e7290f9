"""The table of queues: which task runs where, in what pool, how many at once. Everything else is derived from it."""

from dataclasses import dataclass

from pipeline.status import Step


@dataclass(frozen=True, slots=True)
class WorkerType:
    """One kind of worker: its queue, its tasks, its pool and how many tasks it runs at once."""

    name: str
    tasks: tuple[str, ...]
    pool: str
    concurrency: int


# Downstream first: a worker that serves several queues finishes documents before it starts new ones.
WORKER_TYPES = (
    WorkerType("graph", (Step.BUILD_RELATIONSHIPS, "refresh_graph"), "prefork", 4),
    WorkerType("entity", (Step.EXTRACT_ENTITIES, Step.RESOLVE_ENTITIES), "prefork", 2),
    WorkerType("text", (Step.CREATE_DOCUMENT_NODE, Step.PROCESS_CHUNKING, "fill_embeddings"), "prefork", 4),
    WorkerType("ocr_pages", ("process_pages",), "prefork", 2),
    WorkerType(
        "ocr", (Step.PROCESS_OCR, "aggregate_pages", "start_textract_job", "check_textract_job_status"), "prefork", 2
    ),
    WorkerType("default", ("remove_files", "ask_in_batches"), "prefork", 1),
)


# Who waits for a language model needs no process for each document. Comparing names is work, and would hold up all who wait.
WITH_LANGUAGE_MODEL = (
    WorkerType("graph", (Step.BUILD_RELATIONSHIPS, "refresh_graph", Step.RESOLVE_ENTITIES), "prefork", 4),
    WorkerType("entity", (Step.EXTRACT_ENTITIES,), "gevent", 100),
    *WORKER_TYPES[2:],
)


def queue_of(task: str, types: tuple[WorkerType, ...] = WORKER_TYPES) -> str:
    """The queue that a task goes to; ``default`` for a task that no worker type names."""
    return next((w.name for w in types if task in w.tasks), "default")


def tasks_of(queue: str, types: tuple[WorkerType, ...] = WORKER_TYPES) -> list[str]:
    """The tasks that go to a queue; none if there is no such queue."""
    return [str(task) for w in types if w.name == queue for task in w.tasks]


def task_routes(types: tuple[WorkerType, ...] = WORKER_TYPES) -> dict[str, dict[str, str]]:
    """Celery's ``task_routes``."""
    return {str(task): {"queue": w.name} for w in types for task in w.tasks}
