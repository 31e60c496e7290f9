"""Who writes a project's part of the graph, and what: a part of ``ports.DocumentStore``. See ``sql/functions/turns.sql``."""

import os
import platform
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from pipeline.errors import NotReady, PipelineError
from pipeline.model import (
    DocumentGraph,
    DocumentNode,
    EntityGraph,
    EntityType,
    GraphChunk,
    GraphEntity,
    GraphFigures,
    GraphMention,
    GraphRelated,
    GraphRelation,
    GraphTurn,
    GraphWork,
    Lease,
)
from pipeline.stores.calls import Calls
from pipeline.stores.page_ranges import held

OUTDATED_AT_ONCE = 200  # documents that are removed from the graph, or mended there, in one turn
FIGURES_AFTER = 64  # documents after which the figures of a small project are brought up to date in the graph at the latest
PATIENCE = 60.0  # seconds to wait for a turn, before the worker does something else
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.1  # seconds between two looks whether the turn is free

Given = dict[str, Any]


class GraphTurns:
    """What ``PostgresStore`` does about the graph."""

    _db: Calls
    _lease: timedelta

    @contextmanager
    def graph_writing(self, lease: Lease) -> Iterator[GraphWork]:
        """See ``ports.DocumentStore``."""
        given = _patiently(partial(self._db.value, "take_graph_turn", **held(lease), lease=self._lease, most=FIGURES_AFTER))
        with turn(self._db, given, self._lease):
            yield _work(given)

    @contextmanager
    def graph_refreshing(self, project_id: str) -> Iterator[GraphWork]:
        """See ``ports.DocumentStore``."""
        wish = _wish(project_id, self._lease)
        given = _patiently(partial(self._db.value, "take_refresh_turn", **wish, most=OUTDATED_AT_ONCE))
        with turn(self._db, given, self._lease):
            yield _work(given)

    def stale_graphs(self) -> list[str]:
        """See ``ports.DocumentStore``."""
        return [project for (project,) in self._db.rows("stale_graphs")]

    def finish_graph(self, lease: Lease) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("finish_graph", **held(lease))


@contextmanager
def turn(database: Calls, given: Given, lease: timedelta) -> Iterator[None]:
    """Keep a turn that was taken while the context lasts, and end it: what was given with it was written, unless it raises.

    Raises:
        NotReady: the turn was lost meanwhile; what was given with it will be told again.
    """
    ours = {"project": given["project"], "turn": given["turn"]}
    with ExitStack() as given_up:
        given_up.callback(_give_up, database, given)
        with _again_and_again(partial(database.value, "renew_turn", **ours, lease=lease), lease / 3):
            yield
        given_up.pop_all()
    if not _end(database, given, done=True):
        raise NotReady("Another worker wrote the project's part of the graph meanwhile.", "turn_lost", check_again_in=1)


@contextmanager
def alone(database: Calls, project_id: str, lease: timedelta, patience: float) -> Iterator[GraphTurn]:
    """The turn, and nothing that is to be written."""
    token = _patiently(partial(database.value, "take_turn", **_wish(project_id, lease)), patience)
    with turn(database, {"project": project_id, "turn": token}, lease):
        yield GraphTurn(project_id, token)


def _wish(project_id: str, lease: timedelta) -> dict[str, object]:
    holder = f"{platform.node()}/{os.getpid()}"
    return {"project": project_id, "holder": holder, "claim": uuid.uuid4().hex, "lease": lease}


def _patiently(take: Callable[[], Any], patience: float | None = None) -> Any:  # noqa: ANN401  # whatever the turn gives
    until, pause = time.monotonic() + (patience or PATIENCE), SHORTEST_PAUSE
    while (taken := take()) is None:
        if time.monotonic() > until:
            raise NotReady("Other workers write the project's part of the graph.", "turn_taken", check_again_in=1)
        time.sleep(random.uniform(pause / 2, pause))
        pause = min(LONGEST_PAUSE, pause * 1.5)
    return taken


@contextmanager
def _again_and_again(call: Callable[[], object], pause: timedelta) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(pause.total_seconds()):
            with suppress(PipelineError):
                call()

    threading.Thread(target=beat, name="turn", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _give_up(database: Calls, given: Given) -> None:
    with suppress(PipelineError):  # it ends by itself
        _end(database, given, done=False)


def _end(database: Calls, given: Given, *, done: bool) -> bool:
    changed = given.get("changed") or ()
    ended = database.run(
        "end_turn",
        project=given["project"],
        turn=given["turn"],
        done=done,
        changed=[entity for entity, _ in changed],
        numbers=[number for _, number in changed],
        touched=given.get("touched") or [],
        documents=[document for document, _ in given.get("documents") or ()],
        document_numbers=given.get("numbers"),
    )
    return bool(ended[0][0])


def _work(given: Given) -> GraphWork:
    """What is to be written; taken out of ``given``, which lives as long as the turn and would hold it all twice."""
    parts = {document: part and _part(part) for document, part in given["documents"] or ()}
    given["documents"] = [(document, None) for document in parts]
    return GraphWork(
        tuple(part for part in parts.values() if part),
        _change(given),
        GraphFigures(
            _entities(given.pop("touched_entities")),
            _relations(given.pop("touched_relations")),
            _related(given.pop("touched_related")),
        ),
        tuple(document for document, part in parts.items() if not part),
        given["more"],
        GraphTurn(given["project"], given["turn"]),
    )


def _part(part: Given) -> DocumentGraph:
    return DocumentGraph(
        DocumentNode(*part["node"]),
        tuple(GraphChunk(*row) for row in part.pop("chunks") or ()),
        _entities(part.pop("entities")),
        _mentions(part.pop("mentions")),
    )


def _change(given: Given) -> EntityGraph:
    entities = _entities(given.pop("entities"))
    present = {entity.id for entity in entities}
    gone = tuple(entity for entity, _ in given["changed"] or () if entity not in present)
    return EntityGraph(
        gone,
        entities,
        _mentions(given.pop("mentions")),
        _relations(given.pop("relations")),
        _related(given.pop("related")),
    )


def _entities(rows: Iterable[list[Any]] | None) -> tuple[GraphEntity, ...]:
    return tuple(GraphEntity(i, name or "", EntityType(t), m, d) for i, name, t, m, d in rows or ())


def _mentions(rows: Iterable[list[Any]] | None) -> tuple[GraphMention, ...]:
    return tuple(GraphMention(c, e, n, float(confidence)) for c, e, n, confidence in rows or ())  # in JSON, 1.0 is 1


def _relations(rows: Iterable[list[Any]] | None) -> tuple[GraphRelation, ...]:
    return tuple(GraphRelation(*row) for row in rows or ())


def _related(rows: Iterable[list[Any]] | None) -> tuple[GraphRelated, ...]:
    return tuple(GraphRelated(s, p, o, n, d, float(confidence)) for s, p, o, n, d, confidence in rows or ())
