"""A snapshot in words: lines and cells that the printed table and the live screen share, and the printed table."""

import time
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.output import COLOURS, count, plain
from pipeline.monitor.snapshot import Queue, Snapshot
from pipeline.monitor.workers import Worker
from pipeline.status import FINAL, IN_FLIGHT, Family, Status, Step
from pipeline.stores.watching import AtWork, Failed, Trouble

UNKNOWN = "?"
BARS = "▁▂▃▄▅▆▇█"
STATES = {"busy": "green", "idle": "", "unheard": "yellow", "silent": "red", "ended": "red"}
FAILURES_SHOWN = 5
PATH_ROOM = 21  # in 80 columns
QUEUES = ("queue", "messages", "waiting", "running", "oldest", "workers", "")
NUMBERS = ("messages", "waiting", "running", "oldest", "workers", "tasks", "memory", "for")
WORKERS = ("worker", "state", "tasks", "memory", "works on", "for")
Row = tuple[Text, ...]


def headline(snapshot: Snapshot) -> Text:
    """Whose, when, and whether all is well."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(snapshot.at))
    whose = f"project {plain(snapshot.project)}" if snapshot.project else "all projects"
    well = (
        Text("all is well", "green")
        if snapshot.well
        else Text(f"{count(len(snapshot.problems), 'thing is', 'things are')} not well", "bold red")
    )
    return Text.assemble(("nlp-pipeline", "bold"), f"  {whose}  {moment}  ", well)


def documents_line(snapshot: Snapshot) -> Text:
    """How many documents are where."""
    if snapshot.waiting is None or snapshot.moving is None:
        return Text("documents: not known", "red")
    oldest = f" (the oldest for {age(snapshot.oldest_waiting)})" if snapshot.oldest_waiting is not None else ""
    parts = [
        Text(f"pending {snapshot.waiting:,}{oldest}"),
        Text(f"on their way {snapshot.moving:,}{_stages(snapshot)}", "cyan"),
    ]
    parts += [
        Text(f"{status} {snapshot.count(status):,}", COLOURS[status])
        for status in Status
        if status in FINAL and (snapshot.count(status) or status is Status.COMPLETED)
    ]
    return Text("  ").join(parts)


def pace_line(snapshot: Snapshot) -> Text:
    """How fast they end, and for how long still."""
    if snapshot.throughput is None:
        return Text("throughput: not known", "red")
    last, history, failed = snapshot.throughput
    return Text(
        f"{last:,} in the last minute, {sum(history):,} in the last hour ({failed:,} badly); {_left(snapshot.seconds_left)}"
    )


def spark(values: tuple[int, ...]) -> str:
    """A bar a value; "" of nothing."""
    most = max(values, default=0)
    return "".join(" " if not v else BARS[(v * len(BARS) - 1) // most] for v in values) if most else ""


def queue_row(queue: Queue) -> Row:
    """The cells of ``QUEUES``."""
    note = Text(f"paused for {age(queue.paused)}", "yellow") if queue.paused is not None else Text()
    if queue.workers == 0 and (queue.waiting or queue.messages):
        note.append(" nobody serves it", "red")
    numbers = (queue.messages, queue.waiting, queue.running)
    oldest = "" if queue.oldest is None else age(queue.oldest)
    return Text(queue.name), *(Text(_number(n)) for n in numbers), Text(oldest), Text(_number(queue.workers)), note


def worker_rows(worker: Worker, room: int = PATH_ROOM) -> list[Row]:
    """The cells of ``WORKERS``: a row for each document that it works on, or one; a path has so much room."""
    tasks = f"{len(worker.alive)}/{_number(worker.tasks)}" if worker.tasks or worker.work else ""
    memory = f"{worker.memory >> 20:,} MB" if worker.memory else ""
    begin = Text(plain(worker.name)), Text(worker.state, STATES[worker.state]), Text(tasks), Text(memory)
    if not worker.work:
        return [(*begin, Text(), Text())]
    first, *others = [_work(work, room) for work in worker.work]
    return [(*begin, *first), *((Text(), Text(), Text(), Text(), *other) for other in others)]


def _work(work: AtWork, room: int) -> Row:
    stage = "pages" if work.task == "process_pages" else Step(work.task).family
    path = short(plain(work.source_path), room)
    return Text(f"{stage:<6} {path}", "" if work.lease > 0 else "red"), Text(age(work.seconds))


def short(path: str, room: int) -> str:
    """The end of a path, which tells most."""
    return path if len(path) <= room else f"…{path[len(path) - max(room, 2) + 1 :]}"


def failure_text(failed: Failed) -> Text:
    """What failed, and why."""
    return Text.assemble(
        (f"{ago(failed.seconds):>10}  ", "dim"), (plain(failed.source_path), "bold"), f"  {failed.status} at {failed.step} ",
        (f"[{failed.code}] ", "red"), plain(failed.message),
    )  # fmt: skip


def trouble_text(trouble: Trouble) -> Text:
    """What went wrong although the document goes on."""
    what = f"{plain(trouble.worker)} died" if trouble.outcome == "crashed" else "will be tried again"
    return Text.assemble(
        (f"{ago(trouble.seconds):>10}  ", "dim"), (plain(trouble.source_path), "bold"), f"  {trouble.step} ",
        (f"{what} ", "yellow"), f"[{trouble.code}] {plain(trouble.message)}",
    )  # fmt: skip


def ago(seconds: float) -> str:
    """``12 s ago``, ``5 d ago``."""
    return f"{age(seconds)} ago"


def age(seconds: float) -> str:
    """``12 s``, ``3 min``, ``2 h``, ``5 d``: as much as has to be known of it."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def printed(snapshot: Snapshot) -> RenderableType:
    """All of it, one below the other."""
    parts: list[RenderableType] = [headline(snapshot), *(Text(f"! {plain(p)}", "red") for p in snapshot.problems)]
    parts += [Text(), documents_line(snapshot), pace_line(snapshot)]
    if snapshot.throughput and (bars := spark(snapshot.throughput.history)):
        parts.append(Text(f"an hour ago |{bars}| now", "cyan"))
    parts += [Text(plain(f"{count(n, 'document')} wait: {why}"), "yellow") for why, n in snapshot.waits]
    if snapshot.stale_graphs:
        parts.append(Text(f"The graph of {count(snapshot.stale_graphs, 'project')} is to be brought up to date."))
    parts += [Text(), _grid(QUEUES, [queue_row(queue) for queue in snapshot.queues], wide="")]
    parts += [Text(), _grid(WORKERS, [row for worker in snapshot.workers for row in worker_rows(worker)], wide="works on")]
    for title, lines in (
        ("lately failed", [failure_text(f) for f in snapshot.failures[:FAILURES_SHOWN]]),
        ("lately tried in vain", [trouble_text(t) for t in snapshot.troubles[:FAILURES_SHOWN]]),
    ):
        if lines:
            parts += [Text(), Text(title, "dim"), *lines]
    return Group(*parts)


def _grid(columns: tuple[str, ...], rows: list[Row], wide: str) -> Table:
    """A table as wide as there is room; the column ``wide`` has what the others leave."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in NUMBERS else "left"
        grid.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", ratio=1 if name == wide else None)
    for row in rows:
        grid.add_row(*row)
    return grid


def _stages(snapshot: Snapshot) -> str:
    """`` (ocr 3, graph 4)``: where the documents are that are on their way."""
    numbers = {
        family: sum(s.documents for s in snapshot.documents if s.status in IN_FLIGHT and s.step.family is family)
        for family in Family
    }
    said = ", ".join(f"{family} {n:,}" for family, n in numbers.items() if n)
    return f" ({said})" if said else ""


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return "time left not known"
    return f"about {age(seconds)} left" if seconds else "nothing left to do"
