"""Which model made the vectors of the chunks."""

from typing import Any, NamedTuple


class EmbeddingSpace(NamedTuple):
    """Vectors of one model, comparable with each other.

    Args:
        id: a new one for each change of model.
        engine: what makes the vectors: name, version and options, joined by ``/``.
        dimension: length of a vector.
        settings: values of settings by which the engine is built; none of them is secret.
        active: its vectors are those that search reads; else they are being made.
        fault: why making them does not go on; "" if it does.
    """

    id: str
    engine: str
    dimension: int
    settings: dict[str, Any]
    active: bool
    fault: str


class UnfilledChunk(NamedTuple):
    """A chunk of a project that needs a vector; ``digest`` tells whether its text is still this one."""

    id: str
    heading: str
    text: str
    digest: str
    project: str
