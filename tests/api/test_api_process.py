"""The API as a process of its own: killed, its memory watched, its keys made by the command."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from pipeline.api.server import listening
from pipeline.settings import Settings

PROGRAM = [sys.executable, "-m", "pipeline.cli.main"]
UPLOAD = "/api/documents/upload"


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    own = {"CELERY_BROKER_URL": settings.broker, "DATABASE_URL": settings.database, "NLP_PIPELINE_HOME": str(settings.home)}
    return os.environ | own | {"PYTHONUNBUFFERED": "1"}


@contextmanager
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The API, and its address."""
    with subprocess.Popen([*PROGRAM, "api", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().split()[1]
        finally:
            process.kill()


def test_an_answer_is_sent_without_waiting_for_the_client() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_was_answered_outlives_a_kill_and_memory_does_not_grow_with_a_file(
    environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    words = [*PROGRAM, "keys", "create", "--name", "test", "--scope", "admin", "--json"]
    made = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
    large = tmp_path / "large.txt"
    large.write_bytes(b"A line of a very long letter.\n" * 1_600_000)  # 48 MB
    with running(environment) as (process, address):
        with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
            assert client.post(UPLOAD, files={"f": ("small.txt", b"A small letter.")}).status_code == 200
            before = peak(process.pid)
            with large.open("rb") as content:
                answer = client.post(UPLOAD, files={"f": ("large.txt", content)})
            grown = peak(process.pid) - before
            process.kill()
        assert answer.status_code == 200, answer.text
        assert grown < 16 << 20
    with psycopg.connect(settings.database) as db:
        rows = db.execute("select source_path, status::text, storage_key from documents order by size").fetchall()
    assert [row[:2] for row in rows] == [("small.txt", "pending"), ("large.txt", "pending")]
    project, _, sha256 = rows[1][2].partition("/")
    assert (settings.files / project / sha256[:2] / sha256).read_bytes() == large.read_bytes()


def test_sigterm_is_an_end_as_it_should_be(environment: dict[str, str]) -> None:
    with running(environment) as (process, address):
        assert httpx.get(f"{address}/health", timeout=60).status_code == 200
        process.terminate()
        assert process.wait(60) == 0


def peak(pid: int) -> int:
    """Most memory that the process ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
