"""What everything together holds in memory, idle after a run.

usage: python benchmarks/memory.py [FOLDER]

Runs the chain over FOLDER (default: the samples), leaves servers and workers up, and adds their proportional set sizes
(shared pages counted once). Prints a table; the last line is {"megabytes": …, …}.
"""

import json
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from overhead import run, wait

SAMPLES = Path(__file__).parents[1] / "samples" / "ravensport"


def by_process(home: Path, field: str = "pss") -> dict[str, dict[int, float]]:
    """Megabytes of each recorded process and of its children, by pid; field: of psutil's ``memory_full_info``."""
    state = json.loads((home / "state.json").read_text())
    pids = {name: server["process"]["pid"] for name, server in state["servers"].items() if server["process"]}
    pids |= {name: worker["pid"] for name, worker in state["workers"].items()}
    pids["supervisor"] = state["owner"]["pid"]
    held: dict[str, dict[int, float]] = {}
    for name, pid in pids.items():
        processes = [psutil.Process(pid)]
        if name != "supervisor":
            processes += processes[0].children(recursive=True)
        held[name] = {}
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # a child may end while it is looked at
                held[name][process.pid] = getattr(process.memory_full_info(), field) / 2**20
    return held


def main() -> None:
    """Run, rest, measure."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    work = Path(tempfile.mkdtemp(prefix="memory-"))
    work.chmod(0o711)
    home = work / "home"
    try:
        run(home, "up", "--no-api")
        run(home, "submit", str(folder))
        wait(home, "default")
        time.sleep(5)
        held = {f"{name} ({len(each)})": sum(each.values()) for name, each in by_process(home).items()}
        run(home, "down")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for name, megabytes in sorted(held.items(), key=lambda item: -item[1]):
        print(f"{name:24} {megabytes:7.0f} MB")
    print(json.dumps({"megabytes": round(sum(held.values())), **{name: round(value) for name, value in held.items()}}))


if __name__ == "__main__":
    main()
