"""Whether the chain stays as it is over many documents: none lost, no memory that grows, no slower end.

usage: python benchmarks/soak.py [--documents 10000] [--part 1000]

Submits short text documents in one go. Compares the memory of each process at the end with that after the first ``part``,
and how long the last ``part`` took with the first. Memory is what a process has for itself: PostgreSQL's shared buffers fill
up to a size of their own, and would stand in every process that looked into them. Prints a table; the last line is
{"lost": 0, "memory": …, …}, ``memory`` the largest growth of a process that was there both times and ``throughput`` that of
the last part over that of the first.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from memory import by_process
from overhead import COMMAND, run, write_documents

from pipeline.endpoints import located
from pipeline.settings import load_settings

Held = dict[str, dict[int, float]]  # MB of each process, by what it is and its pid

PROJECT = "soak"
MOST_MEMORY, LEAST_THROUGHPUT = 1.2, 0.9
STATES = (
    "select count(*) filter (where status = 'completed'), count(*) filter (where finished_at is not null), count(*)"
    " from documents"
)
TIMES = "select extract(epoch from finished_at)::float from documents where finished_at is not null order by 1"


def soak(home: Path, documents: int, part: int) -> tuple[Held, Held, list[float], int]:
    """Memory after the first part and at the end, in MB by process; times at which documents ended; how many are missing."""
    run(home, "submit", str(home.parent / "docs"), "--project", PROJECT)
    early: Held = {}
    with psycopg.connect(located(load_settings(nlp_pipeline_home=home)).database, autocommit=True) as db:
        while True:
            completed, ended, known = db.execute(STATES).fetchone() or (0, 0, 0)
            if not early and ended >= part:
                early = by_process(home, "uss")
            if ended >= documents or known < documents:
                break
            time.sleep(1)
        late = by_process(home, "uss")
        times = [at for (at,) in db.execute(TIMES)]
    return early, late, times, documents - completed


def main() -> None:
    """Run, compare, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=1000)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="soak-"))
    work.chmod(0o711)
    home = work / "home"
    try:
        write_documents(work / "docs", args.documents)
        run(home, "up", "--no-api")
        early, late, times, lost = soak(home, args.documents, args.part)
    finally:
        environment = os.environ | {"NLP_PIPELINE_HOME": str(home)}
        subprocess.run([*COMMAND, "down"], env=environment, capture_output=True, check=False)
        shutil.rmtree(work, ignore_errors=True)
    first, last = times[args.part - 1] - times[0], times[-1] - times[-args.part]
    pairs = [(kind, early[kind][pid], late[kind][pid]) for kind in early for pid in early[kind] if pid in late.get(kind, {})]
    print(f"{'process':24}{'MB early':>10}{'MB late':>10}{'growth':>8}")
    for kind, before, after in sorted(pairs, key=lambda pair: -pair[2] / pair[1]):
        print(f"{kind:24}{before:>10.1f}{after:>10.1f}{after / before:>8.2f}")
    for kind in early:
        print(f"all of {kind:17}{sum(early[kind].values()):>10.1f}{sum(late.get(kind, {}).values()):>10.1f}")
    print(f"first {args.part}: {first:.0f} s, last {args.part}: {last:.0f} s")
    memory, throughput = max(after / before for _, before, after in pairs), first / last
    print(
        json.dumps(
            {"documents": args.documents, "lost": lost, "memory": round(memory, 2), "throughput": round(throughput, 2)}
            | {"seconds": round(times[-1] - times[0])}
        )
    )
    sys.exit(1 if lost or memory > MOST_MEMORY or throughput < LEAST_THROUGHPUT else 0)


if __name__ == "__main__":
    main()
