"""Who listens, and what they are told: one look at the database a second serves all, none while nobody listens."""

import asyncio
import json
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.api import progress
from pipeline.errors import PipelineError
from pipeline.status import IN_FLIGHT
from pipeline.stores.catalog import Facts
from pipeline.stores.changes import Change, Changes

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks
AT_ONCE = 500  # documents of a project; of more it is said that they changed, and no more
KEPT = 200  # events for a client that does not take them
REMEMBERED = 20_000  # documents whose last news are known, so that none is told twice
COUNTED = 20  # counting a project takes that part of the time at most

Report = dict[str, Any]


class News(NamedTuple):
    """An event in the words of ``text/event-stream``; ``document`` is the one that it is about, "" for none."""

    document: str
    text: bytes


class Stream:
    """What a client is yet to be told. When it falls behind it is told to load anew what it shows, instead.

    Args:
        project: whose documents it watches.
        document: the only one, "" for all.
    """

    def __init__(self, project: str, document: str) -> None:
        self.project = project
        self.document = document
        self.ended = False
        self._waiting: deque[News] = deque()
        self._awake = asyncio.Event()

    def put(self, news: News) -> None:
        """Have this told."""
        if self.document and news.document not in {"", self.document}:
            return
        if len(self._waiting) >= KEPT:
            self._waiting.clear()
            news = RESYNC
        self._waiting.append(news)
        self._awake.set()

    async def next(self, patience: float) -> list[News]:
        """All that is to be told, as soon as there is anything; nothing after so many seconds."""
        try:
            await asyncio.wait_for(self._awake.wait(), patience)
        except TimeoutError:
            return []
        self._awake.clear()
        told = list(self._waiting)
        self._waiting.clear()
        return told


class Hub:
    """Looks and tells. For the event loop that runs it.

    Args:
        changes: says what changed.
        report: what a project holds; given what it held last, which it returns if no document went on since. Raises
            PipelineError.
    """

    def __init__(self, changes: Changes, report: Callable[[str, Report | None], Report]) -> None:
        self.closed = asyncio.Event()
        self.changes = changes
        self._report = report
        self._streams: set[Stream] = set()
        self._callers: Counter[str] = Counter()
        self._since: datetime | None = None
        self._told: dict[str, Facts] = {}
        self._reports: dict[str, Report] = {}
        self._someone = asyncio.Event()
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look and count until the context ends."""
        tasks = [asyncio.create_task(self._looking()), asyncio.create_task(self._counting())]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            yield
        finally:
            self.closed.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def streams(self, caller: str) -> int:
        """How many streams a caller has."""
        return self._callers[caller]

    @asynccontextmanager
    async def listening(self, caller: str, stream: Stream) -> AsyncIterator[None]:
        """Within the context the stream is told all that changes.

        Raises:
            ServiceUnavailable: the database is away.
        """
        self._callers[caller] += 1
        try:
            async with self._starting:
                if not self._streams:
                    self._since = await asyncio.to_thread(self.changes.horizon)
                self._streams.add(stream)
            self._someone.set()
            yield
        finally:
            self._streams.discard(stream)
            self._callers[caller] -= 1
            self._callers += Counter()  # drops zeros
            if not self._streams:
                self._someone.clear()
                self._told.clear()
                self._reports.clear()

    async def opening(self, stream: Stream, last: str) -> list[News]:
        """What is told first: what the project holds, where the watched document stands, what changed since event ``last``.

        Raises:
            ServiceUnavailable: the database is away.
        """
        project = stream.project
        if project not in self._reports:
            self._reports[project] = await asyncio.to_thread(self._report, project, None)
        news = [self._news("project", self._reports[project])]
        if stream.document:
            now = await asyncio.to_thread(self.changes.one, stream.document, project)
            return [*news, self._document(now)] if now else news
        return [*news, *await self._missed(project, last)] if last else news

    async def _missed(self, project: str, last: str) -> list[News]:
        since = moment_of(last)
        if since is None:
            return [RESYNC]
        changes = await asyncio.to_thread(self.changes.since, [project], since, AT_ONCE + 1)
        return [RESYNC] if len(changes) > AT_ONCE else [self._document(change) for change in changes]

    async def _looking(self) -> None:
        while True:
            await self._someone.wait()
            with suppress(PipelineError):  # it is asked again, for all that changed meanwhile
                await self._look()
            await asyncio.sleep(EVERY)

    async def _look(self) -> None:
        projects = {stream.project for stream in self._streams}
        most = AT_ONCE * 10
        horizon = await asyncio.to_thread(self.changes.horizon)
        if self._since is None or not projects:
            return
        await self._look_for(sorted({stream.document for stream in self._streams} - {""}))
        changes = await asyncio.to_thread(self.changes.since, sorted(projects), self._since, most)
        if len(changes) >= most:
            self._tell(projects, [RESYNC])
        else:
            for project in projects:
                fresh = [change for change in changes if change.project == project and self._is_news(change.facts)]
                self._tell({project}, [RESYNC] if len(fresh) > AT_ONCE else [self._document(change) for change in fresh])
        self._since = horizon

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Without it streams would stay silent: they end, and so is what is wrong seen."""
        self.closed.set()
        if not task.cancelled() and (fault := task.exception()):
            log.error("events have ended", exc_info=fault)

    async def _look_for(self, documents: list[str]) -> None:
        known = await asyncio.to_thread(self.changes.known, documents) if documents else set()
        for stream in self._streams:
            if stream.document and stream.document in documents and stream.document not in known:
                stream.put(self._news("gone", {"document_id": stream.document}))
                stream.ended = True

    async def _counting(self) -> None:
        while True:
            await self._someone.wait()
            began = time.monotonic()
            for project in {stream.project for stream in self._streams}:
                try:
                    report = await asyncio.to_thread(self._report, project, self._reports.get(project))
                except PipelineError:
                    continue
                if self._streams and report != self._reports.get(project):
                    self._reports[project] = report
                    self._tell({project}, [self._news("project", report)])
            await asyncio.sleep(max(2 * EVERY, COUNTED * (time.monotonic() - began)))

    def _tell(self, projects: set[str], news: list[News]) -> None:
        for stream in self._streams:
            if stream.project in projects:
                for each in news:
                    stream.put(each)

    def _is_news(self, facts: Facts) -> bool:
        # While work goes on each renewal of a lease is a time; else it tells an end from the one before that looked so.
        running = facts["status"] in IN_FLIGHT
        said = {name: value for name, value in facts.items() if not (running and name == "updated_at")}
        document = facts["document_id"]
        if self._told.pop(document, None) == said:
            self._told[document] = said
            return False
        self._told[document] = said
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        return True

    def _document(self, change: Change) -> News:
        facts = {name: value for name, value in change.facts.items() if name != "parts"}
        return self._news("document", facts | {"progress_percentage": progress.percentage(change.facts)})

    def _news(self, kind: str, data: dict[str, Any]) -> News:
        # Where a client that knows this one goes on: what is told from the same look may not have reached it.
        moment = f"id: {id_of(self._since)}\n" if self._since else ""
        text = f"{moment}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, default=str)}\n\n"
        return News(str(data.get("document_id", "")), text.encode())


RESYNC = News("", b"event: resync\ndata: {}\n\n")
"""More changed than can be told: load anew what is shown."""


def id_of(moment: datetime) -> str:
    """An event's id: microseconds since 1970."""
    return str(round(moment.timestamp() * 1_000_000))


def moment_of(name: str) -> datetime | None:
    """The moment of an id; None: this is none."""
    try:
        return datetime.fromtimestamp(int(name[:20]) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
