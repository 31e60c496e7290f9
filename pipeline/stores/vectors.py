"""Which model's vectors the chunks hold: the part of ``ports.DocumentStore`` that changes from one model to another."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from pipeline.errors import Misconfigured
from pipeline.model import EmbeddingSpace, UnfilledChunk
from pipeline.stores.calls import Calls


class Vectors:
    """What ``PostgresStore`` does with the vectors of all chunks."""

    _db: Calls

    def embeddings(self) -> list[EmbeddingSpace]:
        """See ``ports.DocumentStore``."""
        try:
            return [EmbeddingSpace(*row) for row in self._db.rows("embeddings")]
        except psycopg.errors.UndefinedFunction as fault:
            raise Misconfigured(
                "The database was never set up, or by an older version: nlp-pipeline migrate.", "no_schema"
            ) from fault

    def open_embeddings(self, engine: str, dimension: int, settings: Mapping[str, object]) -> EmbeddingSpace:
        """See ``ports.DocumentStore``."""
        return self._space("open_embeddings", engine, dimension, settings)

    def change_embeddings(self, engine: str, dimension: int, settings: Mapping[str, object]) -> EmbeddingSpace:
        """See ``ports.DocumentStore``."""
        return self._space("change_embeddings", engine, dimension, settings)

    def cancel_embeddings(self) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("cancel_embeddings"))

    def take_unfilled(self, space: str, most: int, lease: timedelta) -> list[UnfilledChunk]:
        """See ``ports.DocumentStore``."""
        return [UnfilledChunk(*row) for row in self._db.rows("take_unfilled", space=space, most=most, lease=lease)]

    def save_vectors(self, space: str, chunks: Sequence[UnfilledChunk], vectors: NDArray[np.float32]) -> None:
        """See ``ports.DocumentStore``."""
        rows = [
            {"chunk": chunk.id, "digest": chunk.digest, "embedding": vector_text(vector)}
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        self._db.rows("save_vectors", space=space, vectors=Jsonb(rows))

    def note_embedding_fault(self, space: str, fault: str) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("note_embedding_fault", space=space, fault=fault))

    def finish_embeddings(self, space: str) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("finish_embeddings", space=space))

    def embedding_progress(self) -> tuple[int, int]:
        """See ``ports.DocumentStore``."""
        ((chunks, unfilled),) = self._db.rows("embedding_progress")
        return chunks, unfilled

    def _space(self, statement: str, engine: str, dimension: int, settings: Mapping[str, object]) -> EmbeddingSpace:
        values = {"engine": engine, "dimension": dimension, "settings": Jsonb(dict(settings))}
        return EmbeddingSpace(*self._db.rows(statement, **values)[0])


def vector_text(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it; seven significant digits keep float32."""
    return "[" + ",".join(f"{x:.7g}" for x in vector.tolist()) + "]"
