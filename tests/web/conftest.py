"""The page in Chromium, over the real API, with documents that the real chain has read."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pydantic import SecretStr

from pipeline.endpoints import Endpoints
from pipeline.settings import load_settings
from pipeline.status import FINAL
from pipeline.stores.api_keys import Scope
from pipeline.wiring import Services
from tests.api_server import Served, served
from tests.chromium import chromium, executable
from tests.matter import fill
from tests.program import ROOT
from tests.running import chain, environment_of
from tests.servers import fresh_database, on_broker

SAMPLES = ROOT / "samples" / "ravensport"
READ = ("03-bank-letter-scan.pdf", "04-invoice-thread.eml", "07-field-notes.md")
"""Samples that are put in before the tests: a scan, a mail with attachments, a text."""
PROJECT = "ravensport"
HOME = f"/?project={PROJECT}"
DEADLINE = 240  # seconds for the chain, on a machine that does other things too
OWN_BROKER = 0  # the numbered database that no other test takes


class Site(NamedTuple):
    """A running API with the chain behind it, and the documents that are in it, by file name."""

    api: Served
    documents: dict[str, str]
    talk: str
    """A recording: sentences from 0 to 1.5 seconds and from 65 to 70, the second far beyond its real end."""


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where there is none, tests of the page are skipped, but not in CI."""
    path = executable()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is needed: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Chromium. Its event loop takes the thread, so it must be gone before other tests come."""
    with chromium(chromium_path) as running:
        yield running


@pytest.fixture(scope="session")
def site(
    endpoints: Endpoints, migrated_template: str, tmp_path_factory: pytest.TempPathFactory, chromium_path: str
) -> Iterator[Site]:
    """The API, one worker and a queue processor; the samples are read."""
    folder = tmp_path_factory.mktemp("site")
    located = endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=folder / "home", nlp_pipeline_project=PROJECT))
    with ExitStack() as held:
        urls = {
            "database_url": SecretStr(held.enter_context(fresh_database(endpoints, migrated_template))),
            "celery_broker_url": SecretStr(on_broker(endpoints, OWN_BROKER)),
        }
        settings = located.model_copy(update=urls)
        api = held.enter_context(served(settings))
        talk = a_talk(api, folder)
        held.enter_context(chain(environment_of(settings), folder))
        client = held.enter_context(api.client(Scope.WRITE))
        put_in(client, *(SAMPLES / name for name in READ))
        yield Site(api, finished(client), talk)


@pytest.fixture
def new_page(site: Site, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the page for somebody who is logged in: ``new_page("/", width=390, dark=True, scope=Scope.READ)``."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(path: str = HOME, *, width: int = 1440, dark: bool = False, scope: Scope = Scope.WRITE) -> Page:
        context = browser.new_context(
            base_url=site.api.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
        )
        contexts.append(context)
        assert context.request.post("/api/session", data={"key": site.api.key(scope)}).ok
        page = context.new_page()
        watch(page, site.api.url, faults)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def watch(page: Page, home: str, faults: list[str]) -> None:
    """Note what must never be: an error of a script, something that the policy refuses, a request to another machine."""
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda asked: None if asked.url.startswith((home, "blob:", "data:")) else faults.append(asked.url))


def a_talk(api: Served, folder: Path) -> str:
    """A recording that was heard already: to hear it here would take half a minute."""
    talk, key = fill(api.store, "matter").talk, f"matter/{'7':0>64}"
    services = Services(api.settings)
    services.blobs.put(key, Path(shutil.copy(SAMPLES / "09-voice-note.mp3", folder)))
    services.close()
    with api.database.connection() as connection:
        connection.execute("update documents set media_type = 'audio/mpeg', storage_key = %s where id = %s", (key, talk))
    return talk


def put_in(client: httpx.Client, *paths: Path) -> None:
    """Upload files."""
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    assert client.post("/api/documents/upload", files=files).is_success


def finished(client: httpx.Client) -> dict[str, str]:
    """Ids of all documents by file name, once none is on its way."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        documents = client.get("/api/documents").json()["documents"]
        if all(document["status"] in FINAL for document in documents):
            return {document["filename"]: document["document_id"] for document in documents}
        time.sleep(0.3)
    pytest.fail(f"not within {DEADLINE} s: {documents}")
