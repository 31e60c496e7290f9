"""Looks at everything that a run needs, and says what to do about what is missing. Leaves no change, prints no secret."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from pipeline.endpoints import LOOPBACK, embedded, running_endpoints
from pipeline.engines.weights import INSTALL, State, installed_weights
from pipeline.errors import Misconfigured, PipelineError
from pipeline.hosted import Hosted
from pipeline.settings import Settings
from pipeline.supervisor.probes import ping_broker, ping_database, ping_graph, where
from pipeline.supervisor.processes import free_ports
from pipeline.supervisor.server import Server, package_folder
from pipeline.supervisor.supervisor import LEAST_FREE, SERVERS
from pipeline.wiring import Services

OLDEST_PYTHON = (3, 11)
ASLEEP = "embedded, not running; nlp-pipeline up starts it"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ``advice`` is "" where nothing is to be done."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def check(settings: Settings) -> list[Check]:
    """Look at Python, disk, wheels, ports, each server and service (with a real call) and the weights of the models."""
    return [
        _python(),
        _home(settings.home),
        _disk(settings.home),
        *_wheels(settings),
        _attempt("ports", lambda: f"free on {LOOPBACK}, e.g. {free_ports(1)[0]}"),
        *_servers(settings),
        *_services(settings),
        *_torch(settings),
        *_weights(settings),
    ]


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except PipelineError as fault:
        return Check(name, ok=False, detail=fault.message, advice=fault.advice)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    new_enough = sys.version_info >= OLDEST_PYTHON
    return Check("python", new_enough, version, "" if new_enough else f"Python {oldest} or newer is needed.")


def _home(home: Path) -> Check:
    place = _existing(home)
    writable = os.access(place, os.W_OK | os.X_OK) and place.is_dir()
    detail = f"{home} can be written" if writable else f"{place} cannot be written"
    return Check("home", writable, detail, "" if writable else "Set NLP_PIPELINE_HOME to a folder of your own.")


def _disk(home: Path) -> Check:
    free = shutil.disk_usage(_existing(home)).free
    enough = free >= LEAST_FREE
    advice = "" if enough else f"Free {LEAST_FREE >> 20} MB or more, or set NLP_PIPELINE_HOME to another disk."
    return Check("disk", enough, f"{free / 2**30:.1f} GB free", advice)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _wheels(settings: Settings) -> Iterator[Check]:
    wanted = embedded(settings)
    for server in SERVERS:
        if server.name in wanted:
            yield _attempt(f"wheel {server.name}", partial(_wheel, server))


def _wheel(server: type[Server]) -> str:
    return f"{server.package} in {package_folder(server)}"


def _servers(settings: Settings) -> Iterator[Check]:
    known = embedded(settings)
    running = running_endpoints(settings)
    urls = running.fill(settings) if running else settings
    for name, server, call in (
        ("broker", "valkey", _broker),
        ("database", "postgres", _database),
        ("graph", "arcadedb", _graph),
    ):
        if running is None and server in known:
            yield Check(name, ok=True, detail=ASLEEP)
        else:
            yield _attempt(name, partial(call, urls))
            if name == "database":
                yield _attempt("embeddings", partial(_embeddings, urls))


def _broker(settings: Settings) -> str:
    return f"{ping_broker(settings.broker)} at {where(settings.broker)}"


def _database(settings: Settings) -> str:
    if settings.database_store == "supabase":
        with closing(Services(settings)) as use:
            use.documents.next_due()
        rest = f"Supabase at {where(settings.supabase_url)}"
        return f"{rest}; {_postgres(settings)}" if settings.database else f"{rest}; commands that read it need DATABASE_URL"
    return _postgres(settings)


def _postgres(settings: Settings) -> str:
    versions = ping_database(settings.database)
    if versions.endswith("none"):
        raise Misconfigured(f"{versions} at {where(settings.database)}: install pgvector on that server.")
    return f"{versions} at {where(settings.database)}"


def _embeddings(settings: Settings) -> str:
    with closing(Services(settings)) as use:
        try:
            active = use.embeddings.check()
        except Misconfigured as fault:
            if fault.code != "no_schema":
                raise
            return "there are no tables yet; a run makes them, or nlp-pipeline migrate"
        return f"{active.engine}, length {active.dimension}" if active else "there are no vectors yet"


def _graph(settings: Settings) -> str:
    password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""
    agent = ping_graph(settings.neo4j_uri, settings.neo4j_user, password, settings.neo4j_database)
    return f"{agent} at {where(settings.neo4j_uri)}"


def _services(settings: Settings) -> Iterator[Check]:
    with closing(Services(settings)) as use:
        if settings.blob_store != "folder" or settings.blob_folder:
            yield _attempt("files", lambda: use.blobs.check())
        if settings.ocr_engine in {"textract", "textract-pages"}:
            yield _attempt("textract pages", lambda: use.textract_pages.probe())
        if settings.ocr_engine == "textract":
            yield _attempt("textract", lambda: _textract(use))
            if settings.blob_store != "s3":
                yield _attempt("bucket", lambda: use.bucket.check())
        if settings.textract_queue_url:
            yield _attempt("textract notices", lambda: _notices(use))
    yield from _models(settings)


def _models(settings: Settings) -> Iterator[Check]:
    hosted = Hosted(settings)
    if settings.ner_engine == "remote":
        yield _attempt("language model", lambda: hosted.finder(None).probe())
        if settings.openai_batch:
            yield _attempt("batches", lambda: hosted.batches(settings.ner_remote_model).probe())
    if settings.ocr_engine == "remote":
        yield _attempt("seeing model", lambda: hosted.ocr().probe())
    if settings.embedding_engine == "remote":
        yield _attempt("embedding model", lambda: hosted.embedder().probe())
    if settings.speech_engine == "remote":
        yield _attempt("speech model", lambda: hosted.speech().probe())


def _torch(settings: Settings) -> Iterator[Check]:
    with closing(Services(settings)) as use:
        if settings.embedding_engine == "sentence-transformers":
            yield _attempt("embedding model", lambda: "/".join(use.embedder.engine))
        if settings.speech_engine == "openai-whisper":
            yield _attempt("speech model", lambda: "/".join(use.speech.engine))


def _textract(use: Services) -> str:
    return use.document_ocr.probe(use.settings.s3_bucket) if use.document_ocr else ""


def _notices(use: Services) -> str:
    if use.notices:
        use.notices.receive(wait=0)
    return f"{use.settings.textract_queue_url} can be read"


def _weights(settings: Settings) -> Iterator[Check]:
    for name, files in groupby(installed_weights(settings.models), key=lambda weights: weights.name):
        bad = [f"{file.file} is {file.state}" for file in files if file.state not in (State.OK, State.UNCHECKED)]
        yield Check(f"weights {name}", not bad, ", ".join(bad) or "in place", f"Install it: {INSTALL}" if bad else "")
