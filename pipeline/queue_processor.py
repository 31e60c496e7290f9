"""The queue processor: claims waiting documents, starts their chains, sends lost ones on again. Several may run."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from types import FrameType

import psycopg
from kombu.exceptions import OperationalError

from pipeline.endpoints import located
from pipeline.engines.ocr.textract_notices import TextractNotices
from pipeline.errors import PipelineError, ServiceUnavailable
from pipeline.model import Due
from pipeline.observing import formatter
from pipeline.ports import DocumentStore
from pipeline.settings import load_settings
from pipeline.wiring import Services

log = logging.getLogger("pipeline.queue_processor")

CHANNELS = ("nlp_pipeline_pending", "nlp_pipeline_finished", "nlp_pipeline_due")
PAUSE = 0.1  # seconds between two looks at the database, so that many notices cost one
BATCHES = "batches"  # what the message is known by that has them looked after
BETWEEN_REPAIRS = 1.0  # seconds at least
BATCH = 100


class QueueProcessor:
    """Moves documents from `pending` into the chain, at most ``in_flight`` at one time.

    Args:
        documents: the database of record.
        start: sends one document on its way.
        refresh: has a project's graph brought up to date.
        waiting: ids of the documents and projects of which a message waits in the broker.
        clean: has the stored files removed that no document uses any more.
        fill: has passages given the embeddings of a new model.
        ask: has batches of questions looked after, if one is due and no message of ``waiting`` says so already.
        in_flight: most documents between `pending` and their end.
        poll: longest time between two looks at the database.
        idle: a document of which no message waits, and that stood still for so long, is sent on again.
    """

    def __init__(
        self,
        documents: DocumentStore,
        start: Callable[[Due], None],
        refresh: Callable[[str], None],
        waiting: Callable[[], Collection[str]],
        clean: Callable[[], None],
        fill: Callable[[str], None],
        ask: Callable[[Collection[str]], None],
        in_flight: int,
        poll: timedelta,
        idle: timedelta,
    ) -> None:
        self._documents = documents
        self._start = start
        self._refresh = refresh
        self._waiting = waiting
        self._clean = clean
        self._fill = fill
        self._ask = ask
        self._in_flight = in_flight
        self._poll = poll.total_seconds()
        self._idle = idle
        self._repaired = self._repair_at = time.monotonic()
        self._awake = threading.Event()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until ``stop`` is called. While a server is away it waits, with growing pauses."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self.once()
                failures = 0
            except (ServiceUnavailable, OperationalError) as fault:
                failures += 1
                log.warning("waiting: %s", fault)
            self._awake.wait(min(self._poll, 2.0**failures) if failures else self._repair_at - time.monotonic())
            self._awake.clear()
            self._stopping.wait(PAUSE)

    def once(self) -> int:
        """Claim, repair, start; return how many documents were started."""
        lost = self.repair() if time.monotonic() >= self._repair_at else []
        claimed = self._documents.claim(BATCH, self._in_flight)
        for document in claimed:
            self._start(document)
        next_due = self._documents.next_due()
        if next_due is not None:
            self._repair_at = min(self._repair_at, max(time.monotonic() + next_due, self._repaired + BETWEEN_REPAIRS))
        return len(claimed) + len(lost)

    def repair(self) -> list[Due]:
        """Send on what was lost, what was handed back, and what waited for its next try."""
        # First of all, because it needs the broker: while that is away, nothing is taken that could not be sent.
        waiting = self._waiting()
        lost = self._documents.repair(self._idle, BATCH, waiting)
        for document in lost:
            log.info("%s is sent on again: %s", document.document_id, document.step)
            self._start(document)
        self._tidy(waiting)
        self._repaired = time.monotonic()
        self._repair_at = self._repaired + (0 if len(lost) == BATCH else self._poll)
        return lost

    def _tidy(self, waiting: Collection[str]) -> None:
        """Have done what belongs to no document, unless its queue is paused."""
        paused = {task for pause in self._documents.pauses() for task in pause.tasks}
        for project in self._documents.stale_graphs() if "refresh_graph" not in paused else ():
            if project not in waiting:
                self._refresh(project)
        for space in self._documents.embeddings() if "fill_embeddings" not in paused else ():
            if not space.active and space.id not in waiting:
                self._fill(space.id)
        if "remove_files" not in paused and self._documents.unused_files():
            self._clean()
        if "ask_in_batches" not in paused:
            self._ask(waiting)

    def wake(self) -> None:
        """Look at the database now."""
        self._awake.set()

    def stop(self) -> None:
        """Finish the round that is running, then end."""
        self._stopping.set()
        self._awake.set()

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping.is_set()


def listen(conninfo: str, processor: QueueProcessor) -> None:
    """Wake the processor at each notice of the database, until it stops; polling goes on while the connection is away."""
    while not processor.stopping:
        try:
            with psycopg.connect(
                conninfo, autocommit=True, connect_timeout=10, application_name="nlp-pipeline listen"
            ) as db:
                for channel in CHANNELS:
                    db.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(channel)))
                processor.wake()
                while not processor.stopping:
                    for _ in db.notifies(timeout=1.0, stop_after=1):
                        processor.wake()
        except psycopg.OperationalError:
            threading.Event().wait(1.0)


def hear(notices: TextractNotices, documents: DocumentStore, processor: QueueProcessor) -> None:
    """Have documents looked at whose jobs have ended, until the processor stops; who looks just then is told again."""
    failures = 0
    while not processor.stopping:
        try:
            told = notices.receive()
            busy = documents.wake_jobs([notice.job for notice in told])
            notices.acknowledge([notice for notice in told if notice.job not in busy])
            failures = 0
        except PipelineError as fault:
            failures = min(failures + 1, 6)
            log.warning("no notices of jobs: %s", fault)
            threading.Event().wait(2.0**failures)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    from pipeline.messages import waiting_ids
    from pipeline.workflow import ask, clean, fill, refresh, start

    settings = located(load_settings())
    lines = logging.StreamHandler()
    lines.setFormatter(formatter(settings.log_format))
    logging.basicConfig(level=settings.log_level, handlers=[lines])
    use = Services(settings)

    def ask_if_due(waiting: Collection[str]) -> None:
        if BATCHES not in waiting and use.batches.due():
            ask(BATCHES)

    processor = QueueProcessor(
        use.documents,
        lambda due: start(*due),
        refresh,
        waiting_ids,
        clean,
        fill,
        ask_if_due,
        settings.in_flight,
        settings.poll_interval,
        settings.repair_after,
    )

    def end(_signal: int, _frame: FrameType | None) -> None:
        processor.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if settings.database_store == "postgres":
        threading.Thread(target=listen, args=(settings.database, processor), name="listen", daemon=True).start()
    if use.notices:
        threading.Thread(target=hear, args=(use.notices, use.documents, processor), name="notices", daemon=True).start()
    log.info("waiting for documents")
    processor.run()
    use.close()
    log.info("stopped")


if __name__ == "__main__":
    main()
