"""How soon documents are in motion again after each kind of fault, with the default settings.

usage: python benchmarks/recovery.py [--documents 60] [--rounds 2] [--kinds worker,machine]

For each kind a folder of short documents is submitted; while they are worked on, one thing is killed or frozen. Measured are
seconds from the strike until any step begins, and until each document whose process was struck (any, where a server was) has
a new lease or has moved. Where a server is struck, its own start is part of that. Aim: 30 s. Prints a table; the last line
is one JSON object.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import CALM, PROJECT, database_of, servers, settled
from disturbance import Disturbance
from overhead import run, write_documents

from pipeline.settings import load_settings

BUSY = 4  # documents that are worked on when the strike comes
PATIENCE = 300.0
DYING = 0.5  # seconds until a process that was struck is seen to be
SERVERS = ("broker wiped", "database", "database restarted", "graph")
IDLE = "queue processor"  # works on no document: others go on
DEAD = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
ON_THE_WAY = (
    "select id::text, token, step::text, case when lease_until is not null then worker end from documents"
    " where status in ('queued', 'extracting', 'processing_chunks', 'processing')"
)


class Place(NamedTuple):
    """Where a document on its way stands; ``worker``: who works on it, by name and process, if anybody."""

    token: int
    step: str
    worker: str | None


class Recovered(NamedTuple):
    """Seconds after a strike."""

    first: float
    last: float


def on_the_way(database: str) -> dict[str, Place] | None:
    """All documents on their way, None while the database is away."""
    try:
        with psycopg.connect(database, connect_timeout=2) as db:
            return {row[0]: Place(*row[1:]) for row in db.execute(ON_THE_WAY)}
    except (psycopg.OperationalError, psycopg.InterfaceError):
        return None


def measure(database: str, disturbance: Disturbance, kind: str) -> Recovered:
    """Strike until a document is hit, and wait for all that were to move."""
    held: dict[str, Place] = {}
    began, first = 0.0, 0.0
    while not held:
        held = busy(database)
        disturbance.strike(kind)
        began = time.monotonic()
        if kind == IDLE:
            break
        if kind not in SERVERS:
            time.sleep(DYING)
            held = {key: place for key, place in (on_the_way(database) or {}).items() if place.worker and struck(place)}
    while held and (passed := time.monotonic() - began) < PATIENCE:
        disturbance.thaw(time.monotonic())
        now = on_the_way(database)
        moved = [] if now is None else [key for key, was in held.items() if key not in now or now[key][:2] != was[:2]]
        for document in moved:
            del held[document]
        if moved and not first:
            first = passed
        time.sleep(0.1)
    return Recovered(first, time.monotonic() - began)


def struck(place: Place) -> bool:
    """Whether the process that works on it is gone, or frozen."""
    try:
        return psutil.Process(int((place.worker or "").rpartition("/")[2])).status() in DEAD
    except (psutil.NoSuchProcess, ValueError):
        return True


def busy(database: str) -> dict[str, Place]:
    """Wait until enough documents are worked on; these."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        held = {document: place for document, place in (on_the_way(database) or {}).items() if place.worker}
        if len(held) >= BUSY:
            return held
        time.sleep(0.05)
    sys.exit("no documents are worked on")


def main() -> None:
    """Measure every kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kinds", default="", help="these alone, with commas")
    args = parser.parse_args()
    found: dict[str, list[Recovered]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="recovery-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        work.chmod(0o711)
        home = work / "place" / "home"
        with servers(home):
            database = database_of(home)
            lease = load_settings(nlp_pipeline_home=home).lease_duration.total_seconds()
            disturbance = Disturbance(home, 1, 1.5 * lease, work / "strikes.log")
            kinds = args.kinds.split(",") if args.kinds else disturbance.kinds
            for number, kind in enumerate(kinds * args.rounds):
                write_documents(work / str(number), args.documents, seed=number)
                run(home, "submit", str(work / str(number)), "--project", PROJECT)
                found[kind].append(measure(database, disturbance, kind))
                print(f"{kind:20}{found[kind][-1].first:8.1f}{found[kind][-1].last:8.1f}", flush=True)
                disturbance.thaw()
                if not settled(database, CALM):
                    sys.exit(f"after {kind} documents do not end")
    print(f"\n{'struck':20}{'first':>8}{'last':>8}  seconds, worst of {args.rounds}")
    worst = {kind: Recovered(*map(max, zip(*times, strict=True))) for kind, times in found.items()}
    for kind, times in worst.items():
        print(f"{kind:20}{times.first:8.1f}{times.last:8.1f}")
    print(json.dumps({kind: round(times.last, 1) for kind, times in worst.items()}))


if __name__ == "__main__":
    main()
