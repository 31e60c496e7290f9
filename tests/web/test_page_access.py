"""Who gets in, and whether everybody can use what is shown: keyboard, screen reader, phone, light, dark."""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.stores.api_keys import Scope
from pipeline.stores.sessions import make_link
from tests.web.conftest import HOME, Site

Opened = Callable[..., Page]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
SERIOUS = ("serious", "critical")
PATHS = (HOME, "/?project=nothing-yet", "/?status=failed", "/documents/{scan}", "/documents/{mail}", "/documents/{talk}",
         "/documents/{mail}?view=names", "/documents/{mail}?view=history")  # fmt: skip


def faults(page: Page) -> list[str]:
    """What axe finds serious."""
    session = page.context.new_cdp_session(page)  # the page's own policy lets no script in
    session.send("Runtime.evaluate", {"expression": AXE})
    asked = {"expression": "axe.run().then(found => found.violations)", "awaitPromise": True, "returnByValue": True}
    found: list[dict[str, Any]] = session.send("Runtime.evaluate", asked)["result"]["value"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found if each["impact"] in SERIOUS for node in each["nodes"]]


def settled(page: Page) -> None:
    """Wait until everything is drawn."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["wide and light", "narrow and dark"])
def test_axe_finds_no_serious_fault(site: Site, new_page: Opened, width: int, dark: bool) -> None:  # noqa: FBT001
    page = new_page(width=width, dark=dark)
    scan, mail = (site.documents[name] for name in ("03-bank-letter-scan.pdf", "04-invoice-thread.eml"))
    found = {}
    for path in PATHS:
        page.goto(path.format(scan=scan, mail=mail, talk=site.talk))
        settled(page)
        found[path] = faults(page)
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_wider_than_the_window(site: Site, new_page: Opened, width: int) -> None:
    page = new_page(width=width)
    for path in (
        "/",
        f"/documents/{site.documents['03-bank-letter-scan.pdf']}",
        f"/documents/{site.documents['07-field-notes.md']}",
    ):
        page.goto(path)
        settled(page)
        assert page.locator("html").evaluate("html => html.scrollWidth") <= width, path


def test_a_key_opens_and_logging_out_closes(site: Site, browser: Browser) -> None:
    with browser.new_context(base_url=site.api.url) as context:
        page = context.new_page()
        page.goto("/documents/" + site.documents["07-field-notes.md"])
        page.get_by_label("Key").fill("nlp_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This key is none, or was revoked.")
        assert faults(page) == []
        page.get_by_label("Key").fill(site.api.key())
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="07-field-notes.md")).to_be_visible()  # where one wanted to go
        page.get_by_label("Account").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Key")).to_be_visible()
        page.goto("/")
        expect(page.get_by_label("Key")).to_be_visible()


def test_a_link_opens_once_and_leaves_nothing_in_the_address(site: Site, browser: Browser) -> None:
    site.api.key()
    token = make_link(site.api.database, "test")
    assert token
    for said in ("Documents", "link was used already"):
        with browser.new_context(base_url=site.api.url) as context:
            page = context.new_page()
            page.goto(f"/login#once={token}")
            expect(page.locator("main")).to_contain_text(said)
            expect(page).not_to_have_url(re.compile(re.escape(token)))
            assert token not in page.evaluate("JSON.stringify(history.state) + location.href")


def test_who_may_read_alone_sees_no_way_to_change_anything(site: Site, new_page: Opened) -> None:
    page = new_page(scope=Scope.READ)
    expect(page.get_by_role("link", name=re.compile("07-field-notes.md"))).to_be_visible()
    expect(page.get_by_text("Drop files")).to_have_count(0)
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.get_by_label("Actions for 07-field-notes.md").click()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_the_keyboard_alone_reaches_a_document_and_leaves_a_dialog(new_page: Opened) -> None:
    page = new_page()
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    row = page.get_by_label("Actions for 07-field-notes.md")
    row.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name=re.compile("07-field-notes.md")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="07-field-notes.md")).to_be_visible()


def test_the_theme_is_chosen_and_kept(new_page: Opened) -> None:
    page = new_page()
    light = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    page.get_by_label(re.compile("^Theme")).click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    settled(page)
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != light
