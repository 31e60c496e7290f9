"""How the page's files are answered."""

import re
from collections.abc import Iterator

import httpx
import pytest

from pipeline.web.files import Site
from pipeline.web.routes import PAGES
from tests.api_server import Served


@pytest.fixture
def anybody(api: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, headers={"Accept-Encoding": "identity"}, timeout=60) as client:
        yield client


def test_every_page_answers_with_the_shell_and_a_strict_policy(anybody: httpx.Client) -> None:
    for path in PAGES:
        answer = anybody.get(path.format(document_id="1", entity_id="2"))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_files_are_kept_for_ever_and_not_sent_twice(anybody: httpx.Client) -> None:
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', anybody.get("/").text)
    assert len(paths) > 10
    for path in paths:
        answer = anybody.get(path)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), path
        again = anybody.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_files_are_compressed_for_who_takes_it(anybody: httpx.Client) -> None:
    path = f"/static/{Site().version}/style/2-base.css"
    zipped = anybody.get(path, headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.text == anybody.get(path).text


def test_neither_another_version_nor_another_folder_is_answered(anybody: httpx.Client) -> None:
    version = Site().version
    for path in (f"{'0' * 16}/app.js", f"{version}/%2e%2e/routes.py", f"{version}/..%2froutes.py", f"{version}/style"):
        assert anybody.get(f"/static/{path}").status_code == 404


def test_the_head_of_a_page_has_no_body(anybody: httpx.Client) -> None:
    assert (anybody.head("/").status_code, anybody.head("/").content) == (200, b"")
