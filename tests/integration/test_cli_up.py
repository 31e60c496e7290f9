"""`up` and the web page: started, kept where it is, started again, ended; and a link that signs the first person in."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from pipeline.cli.pages import Pages, start_pages
from pipeline.endpoints import Endpoints, running_endpoints
from pipeline.errors import ServiceUnavailable
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.supervisor import Supervisor, api
from tests.program import Place
from tests.servers import temporary_home

NO_GRAPH = "bolt://127.0.0.1:1"
PATIENCE = timedelta(seconds=120)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with temporary_home() as home:
        place = Place(home, NEO4J_URI=NO_GRAPH)
        yield place
        place.end()


def sign_in(link: str) -> httpx.Response:
    address, _, token = link.partition("/login#once=")
    return httpx.post(f"{address}/api/session", json={"once": token}, headers={"Origin": address})


def settings(place: Place) -> Settings:
    fixed = {"celery_broker_url": None, "database_url": None, "redis_host": "", "neo4j_uri": NO_GRAPH}
    return load_settings(_env_file=None, nlp_pipeline_home=place.home, **fixed)


def up(supervisor: Supervisor) -> Pages:
    """As the command `up` does."""
    return start_pages(supervisor, supervisor.up(keep=True), PATIENCE)


def kill(pid: int | None) -> None:
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)


@pytest.mark.servers
def test_up_keeps_a_web_page_and_lets_the_first_person_in(place: Place) -> None:
    assert json.loads(place.run("up", "--no-workers", "--no-api", "--json"))["api"] is None
    supervisor = Supervisor(settings(place))
    assert not supervisor.api_status().running
    assert not supervisor.watch_api(supervisor.up())

    first = json.loads(place.run("up", "--no-workers", "--json"))["api"]
    signed_in = sign_in(first["link"])
    assert (signed_in.status_code, signed_in.json()["name"], signed_in.json()["scope"]) == (200, "owner", "admin")
    assert sign_in(first["link"]).status_code == 401
    assert up(supervisor) == Pages(first["address"], first["pid"])
    assert sign_in(place.run("link").strip()).json()["name"] == "owner"

    kill(first["pid"])
    assert supervisor.watch_api(supervisor.up())
    status = supervisor.api_status()
    assert (f"http://{status.address}", status.running) == (first["address"], True)

    _servers_move(supervisor, place)

    place.run("down")
    assert place.processes() == []
    with socket.create_server(("127.0.0.1", urlsplit(first["address"]).port or 0)):
        elsewhere = up(supervisor)
    assert elsewhere.address != first["address"]
    assert f"http://{supervisor.api_status().address}" == elsewhere.address
    other = api.Api(Home(place.home.with_name("other")))
    with pytest.raises(ServiceUnavailable, match="Another program answers"):
        other.ping({"main": urlsplit(elsewhere.address).port or 0})


def _servers_move(supervisor: Supervisor, place: Place) -> None:
    """The page knows of it."""
    before = supervisor.api_status()
    [valkey] = [server for server in supervisor.status() if server.name == "valkey"]
    kill(valkey.pid)
    with socket.create_server(("127.0.0.1", int(valkey.address.partition(":")[2]))):
        after = up(supervisor)
    assert after.pid != before.pid
    assert after.address == f"http://{before.address}"
    endpoints = running_endpoints(settings(place))
    assert endpoints
    assert psutil.Process(after.pid).environ()["CELERY_BROKER_URL"] == endpoints.broker


def test_what_is_told_of_the_page() -> None:
    where = "http://127.0.0.1:8000"
    assert list(Pages().lines()) == []
    assert list(Pages(where, 1).lines()) == [f"Web page and API: {where}", "To sign in: nlp-pipeline link"]
    told = list(Pages(where, 1, f"{where}/login#once=x").lines())
    assert told[1] == f"Sign in, once and within an hour: {where}/login#once=x"


def test_without_its_libraries_up_goes_on_and_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(api, "PARTS", ("a_library_that_nobody_has",))
    own = load_settings(_env_file=None, nlp_pipeline_home=tmp_path, database_url="postgresql://127.0.0.1:1/none")
    endpoints = Endpoints("redis://127.0.0.1:1/0", own.database, NO_GRAPH, "", "")
    told = start_pages(Supervisor(own), endpoints, PATIENCE)
    assert list(told.lines()) == ["No web page: The API is not installed: pip install 'nlp-pipeline[api]'"]
    assert told.as_data() is None
