"""Whether anything is lost, stuck, done twice or different when every part is killed again and again.

usage: python benchmarks/chaos.py [--documents 200] [--seed 1 | --seeds 1-10] [--set 1] [--keep DIR]

A mixed set of documents is processed undisturbed in one home, and then, in a home for each seed, while workers, their
children, the queue processor, broker (its data removed), database and graph server are killed or frozen every few seconds.
Exports, databases and graphs are compared record by record with the undisturbed ones. Prints a table; the last line is
{"lost": 0, "stuck": 0, …}.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from disturbance import Disturbance
from mixed import write_mixed
from outcome import FINAL, Outcome, different, outcome_of
from overhead import COMMAND, run

from pipeline.endpoints import located
from pipeline.settings import load_settings

PROJECT = "chaos"
LARGE_PAGES = "8"
LEFT = (
    "select (select count(*) from documents where status <> all (%s)) + (select count(*) from graph_touched)"
    " + (select count(*) from graph_changes)"
)
CALM = 600.0  # seconds after the last strike
LONGEST = 1.5  # seconds of strikes for each document, at most
SHORTEST = 30.0
FAULTS = ("lost", "stuck", "duplicated", "different")
SHOWN = 8  # differences of each kind


@dataclass
class Result:
    """One seed. ``recovered`` is seconds from the last strike to the last document."""

    seed: int
    documents: int = 0
    lost: int = 0
    stuck: int = 0
    duplicated: int = 0
    different: int = 0
    kills: int = 0
    crashed: int = 0
    seconds: float = 0.0
    recovered: float = 0.0
    strikes: dict[str, int] = field(default_factory=dict)


def one_seed(place: Path, folder: Path, calm: Outcome, seed: int) -> Result:
    """Process the folder while everything is struck in the order of this seed, and compare."""
    result = Result(seed)
    storm = processed(place, folder, lambda home: disturbed(home, result, len(calm.states)))
    judge(result, calm, storm)
    return result


def processed(place: Path, folder: Path, course: Callable[[Path], None]) -> Outcome:
    """Process the folder in a home of its own, let ``course`` happen, and return what is there in the end."""
    home, out = place / "home", place / "out"
    with servers(home):
        run(home, "submit", str(folder), "--project", PROJECT)
        course(home)
        run(home, "up", "--no-workers", "--no-api")
        run(home, "export", str(out), "--project", PROJECT)
        return outcome_of(home, out)


@contextmanager
def servers(home: Path, *words: str) -> Iterator[None]:
    """Everything of a home, up (with these words) and in the end down."""
    home.parent.mkdir(parents=True)
    home.parent.chmod(0o711)
    try:
        run(home, "up", "--no-api", *words)
        yield
    finally:
        environment = os.environ | {"NLP_PIPELINE_HOME": str(home)}
        subprocess.run([*COMMAND, "down"], env=environment, capture_output=True, check=False)


def undisturbed(home: Path, documents: int) -> None:
    """Wait for all documents."""
    began = time.monotonic()
    if not settled(database_of(home), CALM + documents):
        sys.exit("the undisturbed run does not end")
    print(f"undisturbed: {documents} documents in {time.monotonic() - began:.0f} s", flush=True)


def disturbed(home: Path, result: Result, documents: int) -> None:
    """Strike until all is done or for long enough, then wait for all documents."""
    database = database_of(home)
    lease = load_settings(nlp_pipeline_home=home).lease_duration.total_seconds()
    disturbance = Disturbance(home, result.seed, 1.5 * lease, home.parent / "strikes.log")
    began = time.monotonic()
    until = began + max(SHORTEST, LONGEST * documents)
    while time.monotonic() < until and not settled(database, disturbance.pause()):
        disturbance.strike()
    disturbance.thaw()
    last = time.monotonic()
    settled(database, CALM)
    result.seconds, result.recovered = time.monotonic() - began, time.monotonic() - last
    result.strikes = dict(disturbance.strikes)
    result.kills = disturbance.strikes.total()


def database_of(home: Path) -> str:
    """The database's address, which it keeps through all restarts."""
    return located(load_settings(nlp_pipeline_home=home)).database


def settled(database: str, patience: float) -> bool:
    """Wait until no document is on its way and the graph knows all, at most so many seconds; whether it is so."""
    until = time.monotonic() + patience
    while left(database):
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def left(database: str) -> int:
    """Documents that have not ended and notes to the graph; 1 while the database is away."""
    try:
        with psycopg.connect(database, connect_timeout=3) as db:
            row = db.execute(LEFT, (list(FINAL),)).fetchone()
            return int(row[0]) if row else 1
    except (psycopg.OperationalError, psycopg.InterfaceError):
        return 1


def judge(result: Result, calm: Outcome, storm: Outcome) -> None:
    """Count what is wrong and tell of it."""
    result.documents = len(calm.states)
    result.crashed = storm.crashed.get("crashed", 0)
    lost = sorted(calm.states.keys() - storm.states.keys())
    stuck = sorted(path for path, status in storm.states.items() if status not in FINAL)
    differences = different(calm, storm)
    result.lost, result.stuck = len(lost), len(stuck)
    result.duplicated = len(storm.doubled)
    result.different = sum(map(len, differences.values()))
    for title, found in {"lost": lost, "stuck": stuck, "doubled": storm.doubled, **differences}.items():
        for line in found[:SHOWN]:
            print(f"seed {result.seed}, {title}: {line}", flush=True)


def faults(result: Result) -> int:
    """How much is wrong."""
    return sum(getattr(result, name) for name in FAULTS)


def print_table(results: list[Result]) -> None:
    """A line a seed."""
    figures = [name for name, value in asdict(results[0]).items() if isinstance(value, int | float)]
    print("".join(f"{name:>12}" for name in figures))
    for result in results:
        print("".join(f"{getattr(result, name):>12.0f}" for name in figures))
    kinds = sorted({kind for result in results for kind in result.strikes})
    for kind in kinds:
        print(f"  {kind:20}{sum(result.strikes.get(kind, 0) for result in results):>5}")


def seeds_of(text: str) -> range:
    """``1-10`` or ``3``."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Run all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--seed", "--seeds", dest="seeds", type=seeds_of, default=range(1, 2), metavar="S or A-B")
    parser.add_argument("--set", type=int, metavar="S", help="the seed of the documents (default: the first of --seeds)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave homes, logs and exports of what went wrong there")
    args = parser.parse_args()
    work = args.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o711)
    os.environ.setdefault("LARGE_DOCUMENT_PAGES", LARGE_PAGES)
    os.environ.setdefault("MODEL_FOLDER", str(work / "models"))
    results = []
    try:
        folder = work / "documents"
        write_mixed(folder, args.documents, args.set or args.seeds[0])
        calm = processed(work / "calm", folder, lambda home: undisturbed(home, args.documents))
        if calm.doubled:
            sys.exit(f"the undisturbed run is wrong: {calm.doubled[:SHOWN]}")
        for seed in args.seeds:
            results.append(one_seed(work / str(seed), folder, calm, seed))
            print(json.dumps(asdict(results[-1])), flush=True)
            if not args.keep or not faults(results[-1]):
                shutil.rmtree(work / str(seed), ignore_errors=True)
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    print_table(results)
    totals = {name: sum(getattr(result, name) for result in results) for name in (*FAULTS, "kills", "documents")}
    print(json.dumps(totals | {"seeds": len(results)}))
    sys.exit(1 if any(map(faults, results)) else 0)


if __name__ == "__main__":
    main()
