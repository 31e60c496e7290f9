"""Which model's vectors the database holds, what makes them, and the change to the model that the settings ask for.

The database decides: documents and questions are embedded by the model whose vectors it holds. What the settings ask for
takes its place when every passage has its new vector.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from pipeline.errors import Misconfigured, OverBudget, ServiceUnavailable
from pipeline.model import Chunk, EmbeddingSpace, UnfilledChunk
from pipeline.ports import Charge, DocumentStore, Embedder, charging
from pipeline.settings import Settings
from pipeline.stages.chunking import embedded_text

LONGEST = 2000
"""Of a vector that pgvector's index takes."""
AT_ONCE = 32
TRIES = 3
Found = TypeVar("Found")
LEASE = timedelta(seconds=60)
"""After so long the passages of somebody who died are computed by others."""


class EmbeddingsDiffer(Misconfigured):
    """The settings ask for another model than the one whose vectors the database holds."""

    code = "dimension_mismatch"
    advice = "To change over: nlp-pipeline embeddings change. Or set EMBEDDING_ENGINE and EMBEDDING_MODEL back."


class Embeddings:
    """The engines behind the vectors. Thread-safe.

    Args:
        store: where the vectors are.
        settings: say which model is wanted.
        make: builds the embedder of some settings.
    """

    def __init__(self, store: DocumentStore, settings: Settings, make: Callable[[Settings], Embedder]) -> None:
        self._store = store
        self._settings = settings
        self._make = make
        self._made: dict[str, Embedder] = {}
        self._alone = threading.RLock()
        self.chosen = chosen(settings)

    def check(self) -> EmbeddingSpace | None:
        """The active space; None if there are no vectors yet.

        Raises:
            EmbeddingsDiffer: the settings ask for a model that is neither this one nor the one that is being changed to.
        """
        spaces = self._store.embeddings()
        if not spaces or any(space.settings == self.chosen for space in spaces):
            return _active(spaces)
        wanted = self.wanted()
        active = self._store.open_embeddings(_told(wanted), wanted.dimension, self.chosen)
        if _told(wanted) not in {active.engine, *(space.engine for space in spaces)}:
            raise EmbeddingsDiffer(
                f"The database holds vectors of {active.engine} (length {active.dimension});"
                f" the settings ask for {_told(wanted)} (length {wanted.dimension})."
            )
        return active

    def writing(self) -> tuple[EmbeddingSpace, Embedder]:
        """The active space and its engine, for new documents.

        Raises:
            EmbeddingsDiffer: as ``check``.
        """
        active = self.check()
        if active is None:
            wanted = self.wanted()
            active = self._store.open_embeddings(_told(wanted), wanted.dimension, self.chosen)
        return active, self.engine_of(active)

    def reading(self) -> tuple[EmbeddingSpace | None, Embedder]:
        """The active space (None while there are no vectors) and its engine, for questions; the settings do not matter."""
        active = _active(self._store.embeddings())
        return (active, self.engine_of(active)) if active else (None, self.wanted())

    def asked(self, questions: list[str], ask: Callable[..., Found]) -> list[Found]:
        """What ``ask(text, vector, space=…)`` finds for each question; asked anew if the embeddings are changed meanwhile.

        Raises:
            ServiceUnavailable: they were changed each time.
        """
        for _ in range(TRIES):
            space, embedder = self.reading()
            vectors = embedder.embed(questions)
            try:
                return [ask(text, vector, space=space and space.id) for text, vector in zip(questions, vectors, strict=True)]
            except ServiceUnavailable as fault:
                if fault.code != "conflict":
                    raise
        raise ServiceUnavailable("The embeddings are being changed just now.")

    def wanted(self) -> Embedder:
        """What the settings ask for.

        Raises:
            Misconfigured: it cannot be built, or its vectors are too long.
        """
        made = self._built("", self._settings)
        if made.dimension > LONGEST:
            raise Misconfigured(
                f"{_told(made)} makes vectors of length {made.dimension}; the database takes up to {LONGEST}.",
                "dimension_too_large",
            )
        return made

    def engine_of(self, space: EmbeddingSpace) -> Embedder:
        """What makes the vectors of a space.

        Raises:
            EmbeddingsDiffer: what its settings name makes other vectors by now, or cannot be told.
        """
        same = space.settings == self.chosen
        made = self.wanted() if same else self._built(space.id, self._settings.model_copy(update=space.settings))
        if _told(made) != space.engine:
            raise EmbeddingsDiffer(
                f"The vectors of {space.engine} cannot be made any more: its settings now give {_told(made)}."
            )
        return made

    def change(self) -> EmbeddingSpace:
        """Begin to change to what the settings ask for; the active space if it is that already."""
        wanted = self.wanted()
        values = _told(wanted), wanted.dimension, self.chosen
        active = self._store.open_embeddings(*values)
        return active if active.engine == _told(wanted) else self._store.change_embeddings(*values)

    def fill(self, space: EmbeddingSpace, seconds: float, done: Callable[[int], object] = lambda _: None) -> bool:
        """Make vectors for some time, a few passages at once; whether none is left to be begun.

        Args:
            space: the one that is being filled.
            seconds: time to spend.
            done: is told of how many passages were done.

        Raises:
            OverBudget: of a project whose budget is used up; passages of others were done.
        """
        until = time.monotonic() + seconds
        engine = self.engine_of(space)
        while time.monotonic() < until:
            chunks = self._store.take_unfilled(space.id, AT_ONCE, LEASE)
            if not chunks:
                return True
            self._fill(space, engine, chunks, done)
        return False

    def _fill(
        self, space: EmbeddingSpace, engine: Embedder, chunks: Sequence[UnfilledChunk], done: Callable[[int], object]
    ) -> None:
        """Make vectors of these passages, each at its project's cost; a budget that is used up holds up no other project."""
        refused: OverBudget | None = None
        for project in sorted({chunk.project for chunk in chunks}):
            own = [chunk for chunk in chunks if chunk.project == project]
            texts = [embedded_text(c.text, Chunk(0, 0, len(c.text), c.heading)) for c in own]
            try:
                with charging(Charge(project=project)):
                    self._store.save_vectors(space.id, own, engine.embed(texts))
            except OverBudget as fault:
                refused = fault
            else:
                done(len(own))
        if refused is not None:
            raise refused

    def _built(self, key: str, settings: Settings) -> Embedder:
        with self._alone:
            if key not in self._made:
                # One of a former change is not needed any more.
                self._made = {name: made for name, made in self._made.items() if not (key and name)}
                self._made[key] = self._make(settings)
            return self._made[key]


def chosen(settings: Settings) -> dict[str, object]:
    """The settings that a model is chosen by."""
    return {name: getattr(settings, name) for name in Settings.model_fields if name.startswith("embedding_")}


def _active(spaces: list[EmbeddingSpace]) -> EmbeddingSpace | None:
    return next((space for space in spaces if space.active), None)


def _told(embedder: Embedder) -> str:
    return "/".join(embedder.engine)
