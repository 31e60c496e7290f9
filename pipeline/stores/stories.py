"""What became of one document, step by step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.status import Status, Step


class StepMade(NamedTuple):
    """A step that is done: by what, when (ISO 8601), and what is worth saying of it, in figures."""

    step: Step
    engine: str
    finished: str
    notes: Mapping[str, int]


class Event(NamedTuple):
    """A step that was done, tried in vain or broken off; ``seconds`` of work."""

    step: Step
    outcome: str
    worker: str
    finished: str
    seconds: float
    code: str
    message: str


class Story(NamedTuple):
    """A document: where it stands, what it waits for or failed of, what was done, and what happened, the oldest first."""

    id: str
    source_path: str
    status: Status
    step: Step
    pages: int
    chunks: int
    mentions: int
    waiting_for: str
    code: str
    message: str
    steps: tuple[StepMade, ...]
    events: tuple[Event, ...]


def read_story(rows: Callable[..., Sequence[tuple[Any, ...]]], names: Sequence[str]) -> Story | None:
    """The document with one of these paths or ids; None: there is none.

    Args:
        rows: runs a statement of ``reports.sql``.
        names: paths or ids.
    """
    found = rows("document", names=list(names))
    if not found:
        return None
    document, path, status, step, pages, chunks, mentions, *why = found[0]
    steps = tuple(StepMade(Step(s), *made) for s, *made in rows("document_steps", document=document))
    events = tuple(Event(Step(s), *what) for s, *what in rows("document_events", document=document))
    waiting_for, code, message = why
    return Story(
        document, path, Status(status), Step(step), pages, chunks, mentions, waiting_for, code, message, steps, events
    )
