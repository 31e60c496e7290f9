"""Whether the chain stays as it is over many documents: none lost, no memory that grows, no slower end.

usage: python benchmarks/soak.py [--documents 10000] [--part 1000]

Submits short text documents in one go. Compares the memory of each kind of process at the end with that after the first
``part``, and how long the last ``part`` took with the first. Prints a table; the last line is {"lost": 0, "memory": …, …},
``memory`` the largest growth of a kind and ``throughput`` that of the last part over that of the first.
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
from memory import by_kind
from overhead import COMMAND, run, write_documents

from pipeline.endpoints import located
from pipeline.settings import load_settings

PROJECT = "soak"
MOST_MEMORY, LEAST_THROUGHPUT = 1.2, 0.9
STATES = (
    "select count(*) filter (where status = 'completed'), count(*) filter (where finished_at is not null), count(*)"
    " from documents"
)
TIMES = "select extract(epoch from finished_at)::float from documents where finished_at is not null order by 1"


def soak(home: Path, documents: int, part: int) -> tuple[dict[str, float], dict[str, float], list[float], int]:
    """Memory after the first part and at the end, in MB by kind; times at which documents ended; how many are missing."""
    run(home, "submit", str(home.parent / "docs"), "--project", PROJECT)
    early: dict[str, float] = {}
    with psycopg.connect(located(load_settings(nlp_pipeline_home=home)).database, autocommit=True) as db:
        while True:
            completed, ended, known = db.execute(STATES).fetchone() or (0, 0, 0)
            if not early and ended >= part:
                early = by_kind(home)
            if ended >= documents or known < documents:
                break
            time.sleep(1)
        late = by_kind(home)
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
    growth = {kind: late[kind] / early[kind] for kind in early if kind in late}
    print(f"{'process':24}{'MB early':>10}{'MB late':>10}{'growth':>8}")
    for kind, ratio in sorted(growth.items(), key=lambda item: -item[1]):
        print(f"{kind:24}{early[kind]:>10.0f}{late[kind]:>10.0f}{ratio:>8.2f}")
    print(f"first {args.part}: {first:.0f} s, last {args.part}: {last:.0f} s")
    memory, throughput = max(growth.values()), first / last
    print(
        json.dumps(
            {"documents": args.documents, "lost": lost, "memory": round(memory, 2), "throughput": round(throughput, 2)}
            | {"seconds": round(times[-1] - times[0])}
        )
    )
    sys.exit(1 if lost or memory > MOST_MEMORY or throughput < LEAST_THROUGHPUT else 0)


if __name__ == "__main__":
    main()
