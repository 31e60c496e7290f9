"""Questions that are asked many at a time, for less."""

from typing import NamedTuple

from pipeline.model.engines import Usage


class WrittenQuestion(NamedTuple):
    """A question as it is sent, in JSON, and what it uses, at most."""

    request: str
    most: Usage


class BatchAnswer(NamedTuple):
    """What came of a question; no answer: it failed. ``tokens``: of question and answer, if that is known."""

    fingerprint: str
    answer: str | None = None
    paid: bool = False
    tokens: tuple[int, int] | None = None


class Batch(NamedTuple):
    """A batch that somebody looks after, until a newer token is given.

    ``file`` and ``name`` are what the service knows its questions and itself by, "" before they were sent; ``age`` is in
    seconds since then; ``looks`` counts how often it was looked after, from 1.
    """

    id: str
    token: int
    endpoint: str
    model: str
    questions: int
    file: str
    name: str
    age: float
    looks: int


class BatchSeen(NamedTuple):
    """A batch as the service has it: files of answers and of failures, "" without one; what went wrong with the whole."""

    state: str
    output: str = ""
    errors: str = ""
    fault: str = ""
    too_much: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in {"completed", "failed", "expired", "cancelled"}
