"""A worker for each type, as users of the earlier system start them, and Flower behind its password."""

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j import Driver

from pipeline.endpoints import Endpoints
from pipeline.home import Home
from tests.program import ROOT, Place
from tests.servers import temporary_home

SCRIPT = ROOT / "scripts" / "start_celery_workers.sh"


@pytest.fixture
def place(endpoints: Endpoints, database_url: str, broker_url: str, graph: Driver, tmp_path: Path) -> Iterator[Place]:
    servers = endpoints.environment() | {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
    with temporary_home() as home:
        place = Place(home, **servers)
        yield place
        place.run("down")


def script(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), *words]
    return subprocess.run(command, env=place.environment, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def page(password: str, port: int = 5555) -> str:
    """Flower's list of workers, as soon as it answers."""
    question = urllib.request.Request(f"http://127.0.0.1:{port}/api/workers?refresh=1")
    question.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode())
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(question, timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def test_chosen_workers_run_and_a_second_start_is_refused(place: Place) -> None:
    started = script(place, "--only", "ocr,text", "--with-flower")
    assert started.returncode == 0, started.stderr
    home = Home(place.home)
    assert home.state().workers.keys() == {"ocr", "text", "flower"}
    assert "Flower: http://127.0.0.1:5555" in started.stdout
    password = home.password("flower")
    assert password not in started.stdout + " ".join(place.processes())
    with pytest.raises(urllib.error.HTTPError) as refused:
        page("wrong")
    refused.value.close()
    assert refused.value.code == 401
    assert {name.split("@")[0] for name in json.loads(page(password))} <= {"ocr", "text"}
    again = script(place)
    assert again.returncode != 0
    assert "run already: nlp-pipeline down ends them" in again.stderr
    place.run("down")
    assert place.processes() == []


def test_flower_alone_has_a_password_too(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with place.start("flower", "--port", port) as flower:
        with pytest.raises(urllib.error.HTTPError) as refused:
            page("wrong", port)
        refused.value.close()
        assert refused.value.code == 401
        assert json.loads(page(Home(place.home).password("flower"), port)) == {}
        assert f"Flower cannot listen on 127.0.0.1:{port}: Address already in use." in place.run(
            "flower", "--port", port, code=2
        )
        flower.terminate()
        said, _ = flower.communicate(timeout=30)
    assert f"Flower: http://127.0.0.1:{port}, user admin" in said


def test_an_unknown_type_is_refused(place: Place) -> None:
    refused = script(place, "--only", "ocr,txet")
    assert refused.returncode == 2
    assert "there is no worker type 'txet'; there are graph, entity" in refused.stderr
