"""What the database answers, and how soon, when very many documents wait and more are finished.

usage: python benchmarks/many_documents.py [--pending 100000] [--finished 300000]

1,000 projects, of which ten have documents waiting, nearly all of them in one. Each question is asked through the
functions that the queue processor, the workers, ``nlp-pipeline status`` and ``watch`` use. Prints a table; the last line is
{"submit 100": median milliseconds, …}.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psycopg

from pipeline.cli.status import look
from pipeline.model import Lease, Submission, Verdict
from pipeline.settings import load_settings
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports
from pipeline.stores.watching import Watching
from pipeline.supervisor import Supervisor

FILL = Path(__file__).with_suffix(".sql")
TIMES = 40
BATCH = 100
WITHOUT_BOUND = 1_000_000


class Timed(NamedTuple):
    """Milliseconds that a call took."""

    median: float
    worst: float


def fill(url: str, pending: int, finished: int) -> float:
    """Fill the database; seconds that it took."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as db:
        for statement in FILL.read_text().split(";\n"):
            db.execute(statement.encode(), {"pending": pending, "finished": finished})
        db.execute("vacuum analyze")
    return time.monotonic() - began


def timed(call: Callable[[], object], times: int = TIMES) -> Timed:
    """Call so many times."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return Timed(statistics.median(taken), max(taken))


def submissions(batches: "count[int]") -> list[Submission]:
    """A batch of files that nobody knows."""
    batch = next(batches)
    return [Submission(f"new/{batch}/{n}", "d.txt", f"new/{batch}/{n}", 1, f"{batch}/{n}") for n in range(BATCH)]


def measure(database: Database) -> dict[str, Timed]:
    """Every question, in the order of the table."""
    store = PostgresStore(database)
    reports = Reports(database, "p0")
    batches = count()
    claimed = [due.document_id for due in store.claim(TIMES, WITHOUT_BOUND)]
    leases: list[Lease] = []

    def begin() -> None:
        verdict, lease = store.begin(claimed.pop(), Step.PROCESS_OCR, "engine/1", "worker")
        assert verdict is Verdict.RUN
        leases.append(lease)

    return {
        f"submit {BATCH}": timed(lambda: store.submit("p0", submissions(batches))),
        "claim 1": timed(lambda: store.claim(1, WITHOUT_BOUND)),
        "claim 32": timed(lambda: store.claim(32, WITHOUT_BOUND)),
        "repair": timed(lambda: store.repair(timedelta(hours=2), 100)),
        "next due": timed(store.next_due),
        "stale graphs": timed(store.stale_graphs),
        "status": timed(lambda: look(reports, {})),
        "watch all": timed(Watching(database).look),
        "watch one": timed(Watching(database, "p0").look),
        "states": timed(reports.states),
        "totals": timed(reports.totals),
        "waiting": timed(reports.waiting),
        "failures": timed(lambda: reports.failures(20)),
        "begin": timed(begin),
        "renew": timed(lambda: store.renew(leases[-1])),
    }


def main() -> None:
    """Fill a database of its own, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pending", type=int, default=100_000)
    parser.add_argument("--finished", type=int, default=300_000)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="many-documents-"))
    work.chmod(0o711)
    supervisor = Supervisor(load_settings(nlp_pipeline_home=work / "home"))
    try:
        url = supervisor.up(only=["postgres"]).database
        migrate(url)
        seconds = fill(url, args.pending, args.finished)
        database = Database(url)
        answers = measure(database)
        database.close()
    finally:
        supervisor.down()
        shutil.rmtree(work, ignore_errors=True)
    print(f"{args.pending:,} waiting, {args.finished:,} finished, filled in {seconds:.0f} s")
    print(f"milliseconds of {TIMES} calls each")
    for name, (median, worst) in answers.items():
        print(f"{name:14} median {median:7.1f}   worst {worst:7.1f}")
    medians = {name: round(median, 2) for name, (median, _) in answers.items()}
    print(json.dumps(medians | {"pending": args.pending, "finished": args.finished}))


if __name__ == "__main__":
    main()
