"""What stands between workers and batches of questions."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.model import WrittenQuestion


class QuestionDesk(Protocol):
    """Takes questions that are asked in batches, for the document that ``charged_to`` names. Thread-safe.

    Both methods raise ``ServiceUnavailable`` while the database is away, ``LeaseLost`` if the document was deleted.
    """

    def left(self, fingerprints: Sequence[str]) -> dict[str, bool]:
        """Those of these questions that were left already, and whether they failed in a batch: ask those directly.

        The document waits for them, and no longer for any other.
        """

    def leave(self, questions: Mapping[str, WrittenQuestion]) -> None:
        """The document waits for these too. It is sent on when nothing is left that it waits for."""
