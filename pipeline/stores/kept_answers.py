"""Answers that were paid for, kept in the database, so that nothing that happens to the broker makes one pay again."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pipeline.errors import ServiceUnavailable
from pipeline.ports import AnswerCache, charged_to
from pipeline.stores.calls import Calls
from pipeline.stores.later import Later

log = logging.getLogger(__name__)


class KeptAnswers:
    """Implements ``ports.AnswerCache`` over PostgreSQL, for the documents that ``charged_to`` names.

    What was paid for is lost only if the database and ``near`` are away at one time, and the process dies before either is
    back.

    Args:
        database: where they are kept.
        near: gives turns to those who ask at one time, and hands them the answer; it may forget.
        keep: how long an answer is kept that nobody asks for.
    """

    def __init__(self, database: Calls, near: AnswerCache, keep: timedelta = timedelta(days=90)) -> None:
        self._db = database
        self._later = Later(database)
        self._near = near
        self._keep = keep

    def get(self, fingerprints: Sequence[str]) -> dict[str, str]:
        """See ``ports.AnswerCache``.

        Raises:
            ServiceUnavailable: the database is away.
        """
        if not fingerprints:
            return {}
        rows = self._db.rows("take_answers", fingerprints=list(fingerprints), **self._for())
        return {fingerprint: json.loads(answer) for fingerprint, answer in rows}

    def put(self, answers: Mapping[str, str]) -> None:
        """See ``ports.AnswerCache``. A database that is away is waited for in the background."""
        try:
            self._near.put(answers)
        except ServiceUnavailable as fault:
            log.warning("%s", fault)
        self._later.run(
            "keep_answers", fingerprints=list(answers), answers=[json.dumps(a) for a in answers.values()], **self._for()
        )

    @contextmanager
    def turn(self, fingerprint: str) -> Iterator[str | None]:
        """See ``ports.AnswerCache``.

        Raises:
            ServiceUnavailable: the database, or ``near``, is away.
        """
        with self._near.turn(fingerprint) as near:
            known = self.get([fingerprint])
            yield known.get(fingerprint, near)

    def _for(self) -> dict[str, object]:
        return {"document": charged_to.get().document_id or None, "keep": self._keep}
