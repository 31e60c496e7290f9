"""Documents read by a language model through the whole chain, while the service fails and the worker that waits is killed.

usage: python benchmarks/language_model.py [--documents 300] [--limit 60] [--kills 2]

A home of its own with NER_ENGINE=remote: the entity worker waits in 100 greenlets for a stand-in that allows ``limit``
requests a minute, refuses 5 % of the calls, fails at 2 %, is silent at 1 % and breaks its JSON at 1 %. The worker is killed
(-9) now and then. Prints a table; the last line is {"lost": 0, "paid_twice": 0, "limit_overshoot": 0.0, …}.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from io_engines import report, standing_in, text_of
from overhead import COMMAND, run

from pipeline.endpoints import located
from pipeline.settings import load_settings

FAULTS = ("--throttled", ".05", "--failing", ".02", "--hanging", ".01", "--broken", ".01", "--hang", "30", "--latency", "1")
PATIENCE = 1200.0  # seconds
KILL_EVERY = 60.0
STATES = "select status::text, count(*) from documents group by 1"
TRIED = "select count(*) from document_processing_history where step = 'extract_entities' and outcome = 'done'"


def settings_for(standin: str, limit: int) -> dict[str, str]:
    """The variables of the chain's processes."""
    return {
        "NER_ENGINE": "remote",
        "NER_REMOTE_MODEL": "test-model",
        "OPENAI_API_KEY": "test-key",
        "OPENAI_BASE_URL": standin,
        "OPENAI_REQUESTS_PER_MINUTE": str(limit),
        "OPENAI_TIMEOUT": "5",
    }


def kill_entity_worker(home: Path) -> None:
    """Kill the process in which greenlets wait; its owner starts another."""
    worker = json.loads((home / "state.json").read_text())["workers"].get("entity")
    if worker:
        os.kill(worker["pid"], signal.SIGKILL)


def settled(home: Path, documents: int, kills: int) -> dict[str, int]:
    """Wait for all documents, with a kill now and then; how many ended how."""
    database = located(load_settings(nlp_pipeline_home=home)).database
    began = killed = time.monotonic()
    states: dict[str, int] = {}
    with psycopg.connect(database, autocommit=True) as db:
        while time.monotonic() - began < PATIENCE and states.get("completed", 0) + states.get("error", 0) < documents:
            time.sleep(1)
            states = {str(state): int(number) for state, number in db.execute(STATES)}
            if kills and time.monotonic() - killed > KILL_EVERY:
                kill_entity_worker(home)
                kills, killed = kills - 1, time.monotonic()
        (done,) = db.execute(TRIED).fetchone() or (0,)
    return states | {"read": done}


def main() -> None:
    """Run, wait, kill, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--kills", type=int, default=2)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="language-model-"))
    work.chmod(0o711)
    home, folder = work / "home", work / "documents"
    folder.mkdir()
    for number in range(args.documents):
        (folder / f"{number:04d}.txt").write_text(text_of(number, "chain"))
    try:
        with standing_in("--limit", str(args.limit), *FAULTS) as standin:
            os.environ |= settings_for(standin, args.limit)
            run(home, "up", "--no-api")
            began = time.monotonic()
            run(home, "submit", str(folder))
            states = settled(home, args.documents, args.kills)
            seconds = time.monotonic() - began
            books = report(standin)
    finally:
        down = os.environ | {"NLP_PIPELINE_HOME": str(home)}
        subprocess.run([*COMMAND, "down"], env=down, capture_output=True, check=False)
        shutil.rmtree(work, ignore_errors=True)
    print(f"{args.documents} documents in {seconds:.0f} s: {states}")
    print(f"{books['calls']} calls {books['by_status']}; busiest minute {books['busiest_window']}")
    figures = {
        "documents": args.documents,
        "lost": args.documents - states.get("completed", 0),
        "read_twice": max(0, states["read"] - args.documents),
        "paid_twice": books["paid_twice"],
        "limit_overshoot": max(0.0, round(books["busiest_window"] / args.limit - 1, 4)),
        "kills": args.kills,
        "seconds": round(seconds, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
