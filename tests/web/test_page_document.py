"""A document as it looks and as it reads, and the ways that lead on from it."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from pipeline.stores.api_keys import Scope
from tests.web.conftest import Site

Opened = Callable[..., Page]
PHRASE = "will lend the Ravensport"


def place_of(site: Site, name: str, phrase: str) -> dict[str, int]:
    """Offsets of a phrase, and its page."""
    with site.api.client(Scope.READ) as client:
        pages = client.get(f"/api/documents/{site.documents[name]}", params={"include": "pages"}).json()["pages"]
    for page in pages:
        if (at := page["text"].find(phrase)) >= 0:
            return {"page": page["number"], "start": page["start"] + at, "end": page["start"] + at + len(phrase)}
    raise AssertionError(f"{phrase} is not in {name}")


def boxes_of(site: Site, name: str, place: dict[str, int]) -> list[list[float]]:
    with site.api.client(Scope.READ) as client:
        query = {"start": place["start"], "end": place["end"]}
        return [
            each["box"] for each in client.get(f"/api/documents/{site.documents[name]}/boxes", params=query).json()["boxes"]
        ]


def test_a_passage_of_a_scan_is_boxed_on_its_picture_and_marked_in_its_text(site: Site, new_page: Opened) -> None:
    name = "03-bank-letter-scan.pdf"
    place = place_of(site, name, PHRASE)
    page = new_page(f"/documents/{site.documents[name]}?{urlencode(place)}")
    expect(page.locator(".sheet.there img")).to_be_visible(timeout=60_000)
    expect(page.locator("mark.hit").first).to_be_in_viewport()
    boxes = page.locator(".box.hit")
    true = boxes_of(site, name, place)
    expect(boxes).to_have_count(len(true))
    expect(boxes.first).to_be_in_viewport()
    sheet = page.locator(".sheet").bounding_box()
    assert sheet
    for number, (left, top, right, bottom) in enumerate(true):
        drawn = boxes.nth(number).bounding_box()
        assert drawn
        shown = [
            (drawn["x"] - sheet["x"]) / sheet["width"],
            (drawn["y"] - sheet["y"]) / sheet["height"],
            drawn["width"] / sheet["width"],
            drawn["height"] / sheet["height"],
        ]
        assert (
            max(abs(one - other) for one, other in zip(shown, (left, top, right - left, bottom - top), strict=True)) < 0.003
        )


def test_pages_are_turned_by_keys_and_stand_in_the_address(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.documents['03-bank-letter-scan.pdf']}")
    expect(page.get_by_label("Text of page 1")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Text of page 2")).to_be_visible()
    expect(page).to_have_url(re.compile("page=2"))
    page.keyboard.press("ArrowRight")  # there is no third
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Text of page 1")).to_be_visible()
    page.get_by_role("navigation", name="Pages of the document").get_by_role("button", name="Page 2").click()
    expect(page.get_by_label("Text of page 2")).to_be_visible()


def test_types_of_names_are_hidden_and_stay_hidden(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.documents['07-field-notes.md']}")
    people = page.locator('.mention[data-type="PERSON"]')
    expect(people.first).to_be_visible()
    expect(page.locator(".reading strong").first).to_have_text("Cathy Pike")  # without the signs that say so
    page.get_by_role("button", name=re.compile("^Person")).click()
    expect(people).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Person"))).to_have_attribute("aria-pressed", "false")
    expect(people).to_have_count(0)


def test_a_name_leads_to_its_entity(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.documents['07-field-notes.md']}")
    page.locator('.mention[data-type="PERSON"]').first.click()
    expect(page).to_have_url(re.compile(r"/entities/[0-9a-f-]{36}"))


def test_attachments_lead_to_their_parent_and_back(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.documents['04-invoice-thread.eml']}")
    page.get_by_role("link", name="Invoice LD-0719.pdf").click()
    expect(page.get_by_role("heading", name="Invoice LD-0719.pdf")).to_be_visible()
    page.get_by_role("link", name="04-invoice-thread.eml").click()
    expect(page.get_by_role("heading", name="04-invoice-thread.eml")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Invoice LD-0719.pdf")).to_be_visible()


def test_a_recording_plays_from_the_sentence_that_is_clicked(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.talk}")
    sentences = page.locator(".sentences li")
    expect(sentences).to_have_count(2)
    page.get_by_role("button", name="Play from 0:00").click()
    expect(sentences.first).to_have_attribute("aria-current", "true")
    assert page.locator("audio").evaluate("audio => !audio.paused")


def test_what_was_said_is_found_in_the_recording(site: Site, new_page: Opened) -> None:
    page = new_page(f"/documents/{site.talk}?start=0&end=4")
    expect(page.locator("mark.hit")).to_have_text("Good")
    expect(page.locator(".sentences li").first).to_have_attribute("aria-current", "true")
