"""Whether documents come through a migration while workers of an older version run, with the same result.

usage: python benchmarks/upgrade.py --from REVISION [--documents 120] [--keep DIR]

Workers of that revision process a mixed set; a third of the way on, this version's `migrate` runs beside them; a little
later its own workers join, and then the old ones are stopped. Exports, databases and graphs are compared with those of this
version alone. It needs the checkout's history. Prints a table; the last line is {"lost": 0, "stuck": 0, …}.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import (
    CALM,
    FAULTS,
    LARGE_PAGES,
    PROJECT,
    Result,
    database_of,
    faults,
    judge,
    print_table,
    processed,
    servers,
    settled,
    undisturbed,
)
from mixed import write_mixed
from outcome import FINAL, Outcome, outcome_of
from overhead import COMMAND, run

from pipeline.endpoints import located
from pipeline.settings import load_settings

ROOT = Path(__file__).parents[1]
LEAVE = 60  # seconds for workers to stop


def tree(revision: str, place: Path) -> Path:
    """The files of a revision."""
    place.mkdir()
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", revision], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(place)], input=packed, check=True)
    return place


def environment(version: Path, home: Path, own: Path) -> dict[str, str]:
    """Of a process of this version, in its own home, with servers and files of ``home``."""
    settings = located(load_settings(nlp_pipeline_home=home))
    password = settings.neo4j_password
    return {
        **os.environ,
        "PYTHONPATH": str(version),
        "NLP_PIPELINE_HOME": str(own),
        "CELERY_BROKER_URL": settings.broker,
        "DATABASE_URL": settings.database,
        "NEO4J_URI": str(settings.neo4j_uri),
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": password.get_secret_value() if password else "",
        "BLOB_FOLDER": str(settings.files),
    }


def command(env: dict[str, str], *words: str) -> None:
    """Run a command."""
    subprocess.run([*COMMAND, *words], env=env, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def workers(env: dict[str, str], log: Path) -> Iterator[None]:
    """All workers and the queue processor of a version; ended by SIGTERM."""
    with log.open("w") as out, subprocess.Popen([*COMMAND, "workers"], env=env, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(LEAVE)


def upgraded(work: Path, folder: Path, older: Path, result: Result) -> Outcome:
    """Process the folder with the older version, exchanged for this one meanwhile."""
    home, out = work / "upgraded" / "home", work / "upgraded" / "out"
    names = sorted(map(str, folder.iterdir()))
    parts = [names[start::3] for start in range(3)]
    began = time.monotonic()
    with servers(home, "--no-workers"), ExitStack() as both:
        former, present = environment(older, home, work / "former"), environment(ROOT, home, work / "present")
        command(former, "migrate")
        with workers(former, work / "former.log"):
            command(former, "submit", *parts[0], "--project", PROJECT)
            ended(home, len(parts[0]) // 2)
            command(present, "migrate")
            command(former, "submit", *parts[1], "--project", PROJECT)
            ended(home, len(parts[0]) + len(parts[1]) // 3)
            both.enter_context(workers(present, work / "present.log"))
            command(present, "submit", *parts[2], "--project", PROJECT)
            ended(home, len(parts[0]) + len(parts[1]))
        settled(database_of(home), CALM)
        result.seconds = time.monotonic() - began
        run(home, "export", str(out), "--project", PROJECT)
        return outcome_of(home, out)


def ended(home: Path, count: int) -> None:
    """Wait until so many documents have ended."""
    until = time.monotonic() + CALM
    with psycopg.connect(database_of(home), autocommit=True) as db:
        while db.execute("select count(*) from documents where status = any (%s)", (list(FINAL),)).fetchall()[0][0] < count:
            if time.monotonic() > until:
                sys.exit(f"{count} documents do not end")
            time.sleep(0.3)


def main() -> None:
    """Compare what became of the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="revision", required=True, metavar="REVISION")
    parser.add_argument("--documents", type=int, default=120)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave homes, logs and exports there")
    args = parser.parse_args()
    work = args.keep or Path(tempfile.mkdtemp(prefix="upgrade-"))
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o711)
    os.environ.setdefault("LARGE_DOCUMENT_PAGES", LARGE_PAGES)
    os.environ.setdefault("MODEL_FOLDER", str(work / "models"))
    try:
        folder = work / "documents"
        write_mixed(folder, args.documents, 1)
        calm = processed(work / "calm", folder, lambda home: undisturbed(home, args.documents))
        result = Result(1)
        judge(result, calm, upgraded(work, folder, tree(args.revision, work / "older"), result))
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    print_table([result])
    print(json.dumps({name: getattr(result, name) for name in (*FAULTS, "documents", "crashed")}))
    sys.exit(1 if faults(result) else 0)


if __name__ == "__main__":
    main()
