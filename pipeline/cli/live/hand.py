"""What a key changes: retry, cancel, pause, resume. Each opens the database for itself alone, and says what came of it."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from pipeline.cli.control import WORDS
from pipeline.cli.output import plain
from pipeline.cli.pausing import pause_queue
from pipeline.model import DocumentId, Handled
from pipeline.monitor.eye import Eye
from pipeline.ports import DocumentStore
from pipeline.wiring import Services


class Hand:
    """Acts where an eye looks.

    Every method raises PipelineError while the database is away.
    """

    def __init__(self, eye: Eye) -> None:
        self._eye = eye

    def retry(self, document: str) -> str:
        """Queue a document again."""
        with self._store() as store:
            return _told(store.retry, document)

    def cancel(self, document: str) -> str:
        """Stop a document."""
        with self._store() as store:
            return _told(store.cancel, document)

    def pause(self, queue: str) -> str:
        """Let a queue stand still."""
        with self._store() as store:
            pause_queue(store, self._eye.settings.worker_types, queue)
        return f"The queue {queue} is paused."

    def resume(self, queue: str) -> str:
        """Let a queue go on."""
        with self._store() as store:
            return f"The queue {queue} {'goes on' if store.resume(queue) else 'was not paused'}."

    @contextmanager
    def _store(self) -> Iterator[DocumentStore]:
        with closing(Services(self._eye.located())) as use:
            yield use.documents


def _told(act: Callable[[list[DocumentId]], list[Handled]], document: str) -> str:
    handled = act([DocumentId(document)])
    return ", ".join(f"{plain(each.source_path)}: {WORDS[each.outcome]}" for each in handled) or "There is no such document."
