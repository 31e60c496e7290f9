"""From a word that stands in a scan alone to its place on the picture, to whom it names, to another document."""

import re
from collections.abc import Callable

from playwright.sync_api import FloatRect, Page, expect

from tests.web.conftest import PROJECT

WORD = "auditors"
TRUE = (0.310, 0.5077, 0.3775, 0.523)
"""Where the word stands on the first page of the scan, measured by eye: left, top, right, bottom."""


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Their common area as a share of all that they cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (sum((each[2] - each[0]) * (each[3] - each[1]) for each in (one, other)) - common)


def within(outer: FloatRect | None, box: FloatRect | None) -> tuple[float, ...]:
    """A box in shares of another."""
    assert outer
    assert box
    left, top = (box["x"] - outer["x"]) / outer["width"], (box["y"] - outer["y"]) / outer["height"]
    return left, top, left + box["width"] / outer["width"], top + box["height"] / outer["height"]


def test_from_a_word_in_a_scan_to_its_place_its_entity_and_another_document(new_page: Callable[..., Page]) -> None:
    page = new_page(f"/search?project={PROJECT}")
    page.get_by_label("Search", exact=True).fill(WORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("03-bank-letter-scan.pdf")).first.click()

    expect(page.locator("mark.hit").first).to_contain_text(WORD)
    expect(page.locator(".sheet.there")).to_be_visible(timeout=60_000)
    hits = page.locator(".box.hit")
    expect(hits.first).to_be_in_viewport()
    sheet = page.locator(".sheet").bounding_box()
    assert max(overlap(TRUE, within(sheet, hit.bounding_box())) for hit in hits.all()) >= 0.5

    page.locator(".mention", has_text="Colby Wraxall").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Colby Wraxall")
    page.get_by_role("link", name=re.compile("04-invoice-thread.eml")).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("04-invoice-thread.eml")
