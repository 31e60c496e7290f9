"""Vectors from a hosted model."""

import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.engines.remote import tokens
from pipeline.engines.remote.calling import Caller, fingerprint_of
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Engine, Usage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from openai.types import CreateEmbeddingResponse

VERSION = "1"
BATCH = 128
BATCH_TOKENS = 50_000
"""Texts, and tokens by our own count, in one call: well below what services take."""
NOTHING = "-"
"""Sent for a text without a sign: services refuse an empty one."""
LEAST_LENGTH = 1e-12


class RemoteEmbedder:
    """Implements ``ports.Embedder``. Thread-safe.

    Tokens are counted by rule (``remote.tokens``), not by the model's own vocabulary: ``max_tokens`` should leave some room.

    Args:
        caller: of the model's endpoint.
        dimension: length of the vectors that the database holds.
        max_tokens: what the model reads of a text; the rest is not sent.
        shorten: ask the model for vectors of this dimension (OpenAI's third generation can), instead of its own.
    """

    def __init__(self, caller: Caller, dimension: int, *, max_tokens: int = 8000, shorten: bool = False) -> None:
        self._caller = caller
        self._dimension = dimension
        self._max_tokens = max_tokens
        self._shorten = shorten

    @property
    def engine(self) -> Engine:
        """Name, model and options, for fingerprints."""
        options = f"dimension={self._dimension} max_tokens={self._max_tokens}"
        return Engine("remote-embedder", f"{VERSION}/{self._caller.endpoint.model}", options)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are sent, by our own count."""
        return self._max_tokens

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token by rule; see ``remote.tokens``."""
        return tokens.token_spans(text)

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """float32, shape (len(texts), dimension), rows of length 1.

        Raises:
            Misconfigured: the model's vectors have another length (``dimension_mismatch``), or a wrong key or model.
            ServiceUnavailable: the service does not answer.
        """
        sent = [tokens.cut(text, self._max_tokens) if text.strip() else NOTHING for text in texts]
        keys = {text: self._fingerprint(text) for text in dict.fromkeys(sent)}
        answers = self._caller.office.answers
        known = answers.get(list(keys.values()))
        for batch in _batches([text for text, key in keys.items() if key not in known]):
            fresh = {keys[text]: row for text, row in zip(batch, self._rows(batch), strict=True)}
            answers.put(fresh)
            known |= fresh
        vectors = [np.frombuffer(base64.b64decode(known[keys[text]]), "<f4") for text in sent]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), self._dimension)

    def probe(self) -> str:
        """Ask for one vector, whatever is remembered.

        Raises:
            PipelineError: as ``embed``.
        """
        self._rows([NOTHING])
        endpoint = self._caller.endpoint
        return f"{endpoint.model} at {endpoint.base_url} gives vectors of length {self._dimension}"

    def _fingerprint(self, text: str) -> str:
        return fingerprint_of("embedding", VERSION, self._caller.endpoint.model, str(self._dimension), text)

    def _rows(self, batch: list[str]) -> list[str]:
        """Vectors of length 1, packed, in the order of the texts."""
        endpoint = self._caller.endpoint

        def used(answer: "CreateEmbeddingResponse") -> Usage:
            count = answer.usage.prompt_tokens if answer.usage else size
            return Usage(endpoint.name, endpoint.model, count)

        size = sum(map(tokens.count, batch))
        shorter = {"dimensions": self._dimension} if self._shorten else {}
        answer = self._caller.call(
            lambda client: client.embeddings.create(model=endpoint.model, input=batch, **shorter),  # type: ignore[arg-type]
            Usage(endpoint.name, endpoint.model, size),
            used,
        )
        found = sorted(answer.data, key=lambda each: each.index)
        if [each.index for each in found] != list(range(len(batch))):
            raise ServiceUnavailable(f"{endpoint.name} did not answer for every text.", "bad_answer")
        return [self._packed(each.embedding) for each in found]

    def _packed(self, values: Sequence[float]) -> str:
        vector = np.asarray(values, np.float64)
        if len(vector) != self._dimension:
            raise Misconfigured(
                f"{self._caller.endpoint.model} gives vectors of length {len(vector)}, not {self._dimension} as is set.",
                "dimension_mismatch",
            )
        length = float(np.linalg.norm(vector))
        if not (np.isfinite(length) and length > LEAST_LENGTH):
            raise ServiceUnavailable(f"{self._caller.endpoint.name} answered with a vector that is none.", "bad_answer")
        return base64.b64encode((vector / length).astype("<f4").tobytes()).decode()


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in order, by their number and their tokens."""
    batch, size = list[str](), 0
    for text in texts:
        more = tokens.count(text)
        if batch and (len(batch) == BATCH or size + more > BATCH_TOKENS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += more
    if batch:
        yield batch
