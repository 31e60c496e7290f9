"""What turns text into vectors, names and relations."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.model import Engine, Extraction, Mention


class Tokenizer(Protocol):
    """Counts tokens the way the embedder does."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token in ``text``, in order, without the special ones."""


class Embedder(Tokenizer, Protocol):
    """Turns text into vectors."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, special ones not counted; the rest of a longer text is not seen."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32, shape (len(texts), dimension), rows L2-normalised."""


class MentionFinder(Protocol):
    """Finds names in text."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def find(self, text: str) -> list[Mention]:
        """Mentions ordered by start, not overlapping; offsets into ``text``, of any length."""


class RelationFinder(MentionFinder, Protocol):
    """Finds names in text, and what the text says of them."""

    def extract(self, text: str) -> Extraction:
        """Mentions as ``find`` gives them, and typed relations with their evidence."""
