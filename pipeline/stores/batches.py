"""Batches of questions to a language model, in the database: gathered, sent, looked after, settled."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple

from psycopg.types.json import Jsonb

from pipeline.model import Batch, BatchAnswer, Prices, WrittenQuestion
from pipeline.ports import charged_to
from pipeline.stores.calls import Calls

LEASE = timedelta(minutes=5)
OPEN_FOR = timedelta(days=8)
"""How long the end of a question that was sent is waited for, before it counts with the most that it may use."""
AT_ONCE = 200
"""Questions in one statement."""


class Gathering(NamedTuple):
    """Of which model questions are gathered ("": of none), and until when: so many questions, bytes, or so old."""

    endpoint: str
    model: str
    questions: int
    size: int
    age: timedelta


class PaidBatches:
    """Implements ``ports.QuestionDesk``, and keeps the batches. Thread-safe.

    What takes a batch raises ``LeaseLost`` once another has taken it; everything, ``ServiceUnavailable`` while the database
    is away.

    Args:
        database: where they are kept.
        gathering: when a batch is made.
        prices: by which budgets are kept.
        keep: how long an answer is kept that nobody asks for.
    """

    def __init__(self, database: Calls, gathering: Gathering, prices: Prices, keep: timedelta) -> None:
        self._db = database
        self._gathering = gathering
        self._prices = Jsonb({model: dict(price) for model, price in prices.items()})
        self._keep = keep

    def left(self, fingerprints: Sequence[str]) -> dict[str, bool]:
        """See ``ports.QuestionDesk``."""
        document = charged_to.get().document_id
        return dict(self._db.rows("join_questions", document=document, fingerprints=list(fingerprints)))

    def leave(self, questions: Mapping[str, WrittenQuestion]) -> None:
        """See ``ports.QuestionDesk``."""
        payer = charged_to.get()
        items = list(questions.items())
        for start in range(0, len(items), AT_ONCE):
            self._db.rows(
                "leave_questions",
                document=payer.document_id,
                step=payer.step,
                endpoint=items[0][1].most.endpoint,
                model=items[0][1].most.model,
                questions=Jsonb([_question(*item) for item in items[start : start + AT_ONCE]]),
            )

    def due(self) -> bool:
        """Whether a batch is to be made or looked after."""
        return bool(self._db.value("batches_due", **self._limits()))

    def begin(self) -> int:
        """Make a batch if it is time to; returns how many questions are in it."""
        return int(self._db.value("begin_batch", **self._limits(), prices=self._prices, open_for=OPEN_FOR))

    def take(self, lease: timedelta = LEASE) -> Batch | None:
        """A batch that is to be looked after now, for this caller alone as long as ``lease``; ``note`` renews it."""
        row = self._db.value("take_batch", lease=lease)
        if row is None:
            return None
        return Batch(
            row["id"], row["token"], row["endpoint"], row["model"], row["questions"], row["file"], row["batch"],
            float(row["age"]), row["looks"],
        )  # fmt: skip

    def requests(self, batch: Batch) -> Iterator[tuple[str, str]]:
        """Its questions: fingerprint, and request as JSON. Those whose documents are gone are left out."""
        after = ""
        while rows := self._db.rows("questions_of_batch", **_held(batch), after=after, most=AT_ONCE):
            yield from rows
            after = rows[-1][0]

    def note(self, batch: Batch, *, again: timedelta | None = None, hold: timedelta = LEASE, **facts: str) -> None:
        """Write down ``file``, ``name``, ``state``, ``fault``; let it go until ``again`` is over, else ``hold`` on to it."""
        self._db.rows("note_batch", **_held(batch), facts=Jsonb(facts), lease=hold, again=again)

    def settle(self, batch: Batch, answers: Sequence[BatchAnswer]) -> None:
        """Keep answers, count what they used, send documents on; told twice, it counts once."""
        self._db.rows("settle_questions", **_held(batch), lines=Jsonb([_line(a) for a in answers]), keep=self._keep)

    def end(
        self,
        batch: Batch,
        state: str,
        fault: str = "",
        rest: Literal["failed", "unknown", "again"] = "failed",
        hold: timedelta | None = None,
    ) -> None:
        """It has ended.

        Args:
            batch: which.
            state: how, in the service's words.
            fault: why, if something went wrong.
            rest: what was not settled has failed and cost nothing, may have been paid for, or is to be asked again.
            hold: no other batch is made before; the next ones are half as large, for a day.
        """
        self._db.rows("end_batch", **_held(batch), state=state, fault=fault, rest=rest, hold=hold)

    def _limits(self) -> dict[str, object]:
        g = self._gathering
        return {"endpoint": g.endpoint, "model": g.model, "most": g.questions, "bytes": g.size, "age": g.age}


def _held(batch: Batch) -> dict[str, object]:
    return {"batch": batch.id, "token": batch.token}


def _question(fingerprint: str, question: WrittenQuestion) -> dict[str, object]:
    most = question.most
    tokens = {"input_tokens": most.input_tokens, "output_tokens": most.output_tokens}
    return {"fingerprint": fingerprint, "request": question.request, **tokens}


def _line(settled: BatchAnswer) -> dict[str, object]:
    answer = None if settled.answer is None else json.dumps(settled.answer)
    used = dict(zip(("input_tokens", "output_tokens"), settled.tokens or (), strict=False))
    return {"fingerprint": settled.fingerprint, "answer": answer, "paid": settled.paid, "used": used or None}
