"""What waits, runs and failed; queues paused and resumed; keys; and that everybody can use these pages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from pipeline.stores.api_keys import Scope
from tests.web.conftest import PROJECT, Site
from tests.web.test_page_access import faults

Opened = Callable[..., Page]


def test_a_queue_is_paused_and_resumed(new_page: Opened) -> None:
    page = new_page("/status", scope=Scope.ADMIN)
    row = page.get_by_role("row", name="graph")
    row.get_by_role("button", name="Pause graph").click()
    expect(row.get_by_text("paused")).to_be_visible(timeout=20_000)
    row.get_by_role("button", name="Resume graph").click()
    expect(row.get_by_text("paused")).to_have_count(0, timeout=20_000)


def test_who_may_not_administer_pauses_nothing_and_sees_no_keys(new_page: Opened) -> None:
    page = new_page("/status")
    expect(page.get_by_role("row", name="graph")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    page.goto("/keys")
    expect(page.get_by_role("heading", name="For administrators")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(site: Site, new_page: Opened) -> None:
    page = new_page("/keys", scope=Scope.ADMIN)
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("scanner")
    dialog.get_by_label("May").select_option("write")
    dialog.get_by_role("button", name="Make it").click()
    key = dialog.locator("code").inner_text()
    dialog.get_by_role("button", name="Done").click()
    bearer = {"Authorization": f"Bearer {key}"}
    assert page.request.get(f"{site.api.url}/api/documents", headers=bearer).ok
    page.get_by_role("row", name="scanner").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name="scanner")).to_contain_text("revoked")
    expect(page.get_by_text(key)).to_have_count(0)


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (390, False)], ids=["wide and dark", "narrow and light"])
def test_axe_finds_no_serious_fault_where_one_searches_and_follows(
    site: Site, new_page: Opened, width: int, dark: bool  # noqa: FBT001
) -> None:  # fmt: skip
    with site.api.client() as client:
        entity = client.get("/api/entities", params={"q": "Colby Wraxall"}).json()["entities"][0]["id"]
    page = new_page(width=width, dark=dark, scope=Scope.ADMIN)
    found = {}
    for path, ready in {
        f"/search?project={PROJECT}": ".examples",
        f"/search?project={PROJECT}&q=Colby": ".result",
        f"/entities?project={PROJECT}": ".entities",
        f"/entities/{entity}": ".passages",
        f"/graph?project={PROJECT}": ".graph .panel",
        f"/graph?project={PROJECT}&view=table&entity={entity}": ".graph-table",
        "/status": ".figures",
        "/keys": ".keys",
    }.items():
        page.goto(path)
        expect(page.locator(ready).first).to_be_visible(timeout=30_000)
        found[path] = faults(page)
        assert page.locator("html").evaluate("html => html.scrollWidth") <= width, path
    assert {path: each for path, each in found.items() if each} == {}
