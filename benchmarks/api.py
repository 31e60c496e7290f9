"""How soon the HTTP API answers over a large archive, what 50 listeners cost it, and whether a killed one loses an upload.

usage: python benchmarks/api.py [--documents 10000] [--uploads 50] [--home FOLDER]

Fills a database of its own (20 mentions a document), or goes on with that of ``--home``. Milliseconds are those of a client
on the same machine, one request after the other. The uploads, 1 MB each, come at once, and the API is killed (-9) when some
were answered; who was not answered tries again. Prints a table; the last line is {"status p95": milliseconds, …}.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import psycopg
from archive import ENTITIES, PROJECT, fill, plan, question

from pipeline.settings import Settings, load_settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Supervisor

TIMES = 60
LISTENERS = 50
LISTENED = 10.0  # seconds
SIZE = 1_000_000
ANSWERED = 10  # uploads after which the API is killed
SEED = 1


class Timed(NamedTuple):
    """Milliseconds that requests took."""

    median: float
    p95: float
    worst: float


class Api:
    """The API as a process of its own, which can be killed.

    Args:
        settings: with the addresses of database and broker.
        key: of a client.
    """

    def __init__(self, settings: Settings, key: str) -> None:
        addresses = {"DATABASE_URL": settings.database, "CELERY_BROKER_URL": settings.broker}
        own = {"NLP_PIPELINE_HOME": str(settings.home), "NLP_PIPELINE_PROJECT": PROJECT, "API_REQUESTS_PER_MINUTE": "0"}
        self._environment = os.environ | addresses | own
        self.key = key
        self._port = 0
        self.start()

    def start(self) -> None:
        """Start it, at the port that it had before."""
        words = [sys.executable, "-m", "pipeline.cli.main", "api", "--port", str(self._port)]
        self.process = subprocess.Popen(words, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[1]
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def client(self) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=120)

    def cpu(self) -> float:
        """Seconds of a core that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(call: Callable[[], httpx.Response], times: int = TIMES) -> Timed:
    """Ask so many times, after once."""
    taken = []
    call().raise_for_status()
    for _ in range(times):
        began = time.perf_counter()
        call().raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return Timed(statistics.median(taken), sorted(taken)[int(0.95 * times)], max(taken))


def answers(client: httpx.Client, database: Database) -> dict[str, Timed]:
    """Every question, in the order of the table."""
    random = np.random.default_rng(SEED + 1)
    archive = plan(np.random.default_rng(SEED))
    with database.connection() as db:
        documents = [str(row[0]) for row in db.execute("select id from documents order by md5(id::text) limit 200")]
        known = db.execute(
            "select entity_id, count(*) from mentions group by 1 order by 2 desc limit 1 offset %s", [ENTITIES // 100]
        )
        entity = str(known.fetchall()[0][0])

    def searched(**narrow: str) -> Timed:
        return timed(lambda: client.get("/api/search", params={"q": question(archive, random), **narrow}))

    return {
        "status": timed(lambda: client.get(f"/api/documents/{random.choice(documents)}/status")),
        "what runs": timed(lambda: client.get("/api/status")),
        "list": timed(lambda: client.get("/api/documents")),
        "search": searched(),
        "search, a type": searched(type="MONEY"),
        "search, an entity": searched(entity=entity),
        "search, a document": searched(document=documents[0]),
        "search, a format": searched(format="email"),
        "search, a year": searched(**{"from": "1950-01-01", "to": "1950-12-31"}),
    }


def listened(api: Api) -> float:
    """Percent of a core that the API uses while so many listen to a project where nothing happens."""
    with ExitStack() as held, api.client() as client:
        heard = [held.enter_context(client.stream("GET", "/api/events")).iter_bytes() for _ in range(LISTENERS)]
        for each in heard:  # held on to: what is let go is closed
            next(each)
        time.sleep(3)  # until what the first look found was told
        before = api.cpu()
        time.sleep(LISTENED)
        return 100 * (api.cpu() - before) / LISTENED


def uploaded(api: Api, number: int) -> tuple[int, dict[str, bytes]]:
    """Upload so many files at once while the API is killed; answers that never came at first, and all files answered."""
    files = {f"upload {n}.txt": hashlib.sha256(str(n).encode()).hexdigest().encode() * (SIZE // 64) for n in range(number)}
    answered = threading.Semaphore(0)
    broken: list[str] = []

    def upload(name: str) -> None:
        while not _answered(api, name, files[name]):
            broken.append(name)
            time.sleep(0.2)
        answered.release()

    with ThreadPoolExecutor(number) as pool:
        tries = [pool.submit(upload, name) for name in files]
        for _ in range(min(ANSWERED, number)):
            answered.acquire()
        api.kill()
        api.start()
        for each in tries:
            each.result()
    return len(set(broken)), files


def _answered(api: Api, name: str, content: bytes) -> bool:
    try:
        with api.client() as client:
            client.post("/api/documents/upload", files={"file": (name, content)}).raise_for_status()
    except httpx.TransportError:
        return False
    return True


def lost(database: Database, files: dict[str, bytes], folder: Path) -> int:
    """Uploads that were answered and are not there whole."""
    with database.connection() as db:
        rows = db.execute("select source_path, storage_key from documents where source_path = any (%s)", [list(files)])
        keys = dict(rows.fetchall())
    return sum(name not in keys or _stored(folder, keys[name]) != content for name, content in files.items())


def _stored(folder: Path, key: str) -> bytes:
    project, _, digest = key.partition("/")
    path = folder / project / digest[:2] / digest
    return path.read_bytes() if path.exists() else b""


@contextmanager
def served(home: Path, documents: int) -> Iterator[tuple[Api, Settings, Database]]:
    """An API over an archive."""
    settings = load_settings(nlp_pipeline_home=home)
    supervisor = Supervisor(settings)
    try:
        located = supervisor.up(only=["postgres", "valkey"]).fill(settings)
        migrate(located.database)
        with psycopg.connect(located.database) as db:
            empty = db.execute("select from projects where name = %s", [PROJECT]).fetchone() is None
        if empty:
            fill(located.database, documents, np.random.default_rng(SEED))
        database = Database(located.database)
        api = Api(located, ApiKeys(database).create("benchmark", Scope.ADMIN).key)
        try:
            yield api, located, database
        finally:
            api.kill()
            database.close()
    finally:
        supervisor.down()


def main() -> None:
    """Fill, ask, listen, upload, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--home", type=Path, help="where the archive is kept for another time")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="api-"))
    work.chmod(0o711)
    try:
        with served((args.home or work / "home").resolve(), args.documents) as (api, settings, database):
            with api.client() as client:
                times = answers(client, database)
            share = listened(api)
            broken, files = uploaded(api, args.uploads)
            missing = lost(database, files, settings.files)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"milliseconds of {TIMES} requests each, {args.documents:,} documents")
    for name, (median, p95, worst) in times.items():
        print(f"{name:20} median {median:7.1f}   p95 {p95:7.1f}   worst {worst:7.1f}")
    print(f"{LISTENERS} listeners, nothing happens: {share:.1f} % of a core")
    print(f"{args.uploads} uploads of 1 MB, the API killed: {broken} were cut off and tried again, {missing} lost")
    p95s = {f"{name} p95": round(p95, 1) for name, (_, p95, _) in times.items()}
    print(json.dumps(p95s | {"listeners": round(share, 1), "cut off": broken, "lost": missing, "documents": args.documents}))


if __name__ == "__main__":
    main()
