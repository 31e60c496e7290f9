"""Cancel, retry, reprocess and delete while documents are worked on: what is there in the end is what should be."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from pipeline import tasks
from pipeline.model import DocumentId, Selection
from pipeline.settings import Settings
from pipeline.status import Family, Status, Step
from pipeline.wiring import Services
from tests.integration.test_order import (
    LINK,
    PROJECT,
    READ,
    TEXTS,
    Course,
    Export,
    Play,
    different,
    expected,
    one_by_one,
    perform,
    play,
    send_on,
    submit,
)
from tests.running import TEXT, chain, processor, until, worker
from tests.running import submit as send

__all__ = ["expected", "play"]

MORE = {f"more-{name}": text.replace("Porto", "Vigo").replace("Osipov", "Hollis") for name, text in TEXTS.items()}


def tell_graph(use: Services) -> None:
    """What the queue processor does with what was removed."""
    while projects := use.documents.stale_graphs():
        for project in projects:
            tasks.refresh_graph.apply(args=(project,), throw=True)


def all_of(use: Services, paths: Iterable[str]) -> list[DocumentId]:
    return use.documents.select(Selection(PROJECT, paths=tuple(paths)))


def go_on(use: Services, documents: Iterable[DocumentId]) -> None:
    use.documents.claim(100, 100)
    for document in documents:
        perform((*READ, *LINK), document)


def deleted_afterwards(folder: Path) -> Course:
    def course(use: Services) -> None:
        one_by_one(MORE | TEXTS, folder)(use)
        assert len(use.documents.delete(all_of(use, MORE))) == len(MORE)
        tell_graph(use)

    return course


def deleted_before(folder: Path) -> Course:
    def course(use: Services) -> None:
        one_by_one(MORE, folder)(use)
        use.documents.delete(all_of(use, MORE))
        one_by_one(TEXTS, folder)(use)
        tell_graph(use)

    return course


def deleted_while_others_run(folder: Path) -> Course:
    """Documents vanish while they and those that share their entities are resolved and written to the graph."""

    def course(use: Services) -> None:
        kept, gone = submit(use, TEXTS, folder), submit(use, MORE, folder)
        for document in (*kept, *gone):
            perform(READ, document)
        together = Barrier(3)

        def work(documents: list[DocumentId]) -> None:
            together.wait()
            for document in documents:
                perform(LINK, document)

        def remove() -> None:
            together.wait()
            for document in reversed(gone):
                use.documents.delete([document])

        with ThreadPoolExecutor(3) as pool:
            for future in [pool.submit(work, gone), pool.submit(work, kept), pool.submit(remove)]:
                future.result()
        send_on(kept)
        tell_graph(use)

    return course


def deleted_and_come_again(folder: Path) -> Course:
    def course(use: Services) -> None:
        one_by_one(TEXTS, folder)(use)
        use.documents.delete(all_of(use, list(TEXTS)[::2]))
        one_by_one(TEXTS, folder)(use)
        tell_graph(use)

    return course


def reprocessed(folder: Path, since: Family | None) -> Course:
    def course(use: Services) -> None:
        one_by_one(TEXTS, folder)(use)
        documents = all_of(use, TEXTS)
        assert {each.outcome for each in use.documents.reprocess(documents, since)} == {"queued"}
        go_on(use, reversed(documents))
        tell_graph(use)

    return course


def cancelled_on_the_way_and_retried(folder: Path) -> Course:
    def course(use: Services) -> None:
        one_by_one(TEXTS, folder)(use)
        documents = all_of(use, TEXTS)
        use.documents.reprocess(documents, Family.TEXT)
        use.documents.claim(100, 100)
        for number, document in enumerate(documents):
            perform((*READ, *LINK)[: number % 6], document)
        use.documents.cancel(documents)
        tell_graph(use)
        use.documents.retry(documents)
        go_on(use, documents)
        tell_graph(use)

    return course


@pytest.mark.parametrize(
    "course",
    [
        deleted_afterwards,
        deleted_before,
        deleted_while_others_run,
        deleted_and_come_again,
        cancelled_on_the_way_and_retried,
        *(partial(reprocessed, since=family) for family in (None, Family.OCR, Family.ENTITY)),
    ],
)
def test_everything_is_as_if_nothing_had_been_asked(
    play: Play, expected: Export, tmp_path: Path, course: Callable[[Path], Course]
) -> None:
    assert different(play(course(tmp_path)), expected) == {}


HISTORY = "select step::text, outcome from document_processing_history h order by h.id"


def test_a_running_step_is_broken_off_and_the_worker_goes_on(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    long = "\n\n".join(f"{TEXT} Paragraph {n} of very many." for n in range(20_000)).encode()
    send(use, tmp_path, {"long.txt": long})
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path):
        until(
            db,
            "select count(*) from documents where step in ('process_chunking', 'extract_entities') and lease_until > now()",
            lambda rows: rows == [(1,)],
        )
        (document,) = use.documents.select(Selection("matter"))
        assert use.documents.cancel([document])[0].outcome == "cancelled"
        send(use, tmp_path, {"short.txt": TEXT.encode()})
        until(db, "select status::text from documents where file_name = 'short.txt'", lambda rows: rows == [("completed",)])
        assert state(db, "long.txt") == "cancelled"
        done = "select count(*) from document_processing_history where document_id = %s and outcome = 'cancelled'"
        assert db.execute(done, (document,)).fetchone() == (1,)
        use.documents.delete([document])
        until(db, "select count(*) from graph_outdated where again_at is null", lambda rows: rows == [(0,)])
        until(db, "select count(*) from files_unused where not removed", lambda rows: rows == [(0,)])
    assert "lease was lost while the step ran" in (tmp_path / "worker.log").read_text()
    assert use.graph.counts("matter")["Document"] == 1


def state(db: psycopg.Connection[tuple[object, ...]], name: str) -> object:
    row = db.execute("select status::text from documents where file_name = %s", (name,)).fetchone()
    return row and row[0]


def test_a_retry_repeats_no_step_that_was_done(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    send(use, tmp_path, {"letter.txt": TEXT.encode()})
    broken = environment | {"NER_MODEL": str(tmp_path / "nowhere")}
    ended = "select status::text from documents"
    with psycopg.connect(settings.database, autocommit=True) as db, processor(environment, tmp_path / "processor.log"):
        with worker(broken, tmp_path / "broken.log"):
            until(db, ended, lambda rows: rows == [("error",)])
        (document,) = use.documents.select(Selection("matter", statuses=("entity_failed",)))
        assert use.documents.retry([document])[0].outcome == "queued"
        with worker(environment, tmp_path / "whole.log"):
            until(db, ended, lambda rows: rows == [(Status.COMPLETED,)])
        rows = db.execute(HISTORY).fetchall()
    failed = [(Step.EXTRACT_ENTITIES.value, "failed")]
    assert rows == [(s.value, "done") for s in list(Step)[:3]] + failed + [(s.value, "done") for s in list(Step)[3:]]
