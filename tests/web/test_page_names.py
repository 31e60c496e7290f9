"""Search, names and what people decide about them."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from pipeline.model import EntityType
from pipeline.stores.api_keys import Scope
from tests.web.conftest import PROJECT, Site

Opened = Callable[..., Page]
SEARCH = f"/search?project={PROJECT}"


def entity(site: Site, name: str) -> str:
    """Id of the entity that a name means."""
    with site.api.client(Scope.READ) as client:
        return str(client.get("/api/entities", params={"q": name}).json()["entities"][0]["id"])


def test_slash_leads_to_search_from_anywhere_and_before_a_search_there_are_examples(new_page: Opened) -> None:
    page = new_page(f"/entities?project={PROJECT}")
    expect(page.locator(".entities tbody tr").first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    example = page.get_by_role("list", name="Names from the documents").get_by_role("link").first
    name = example.inner_text()
    example.click()
    expect(page.get_by_label("Search", exact=True)).to_have_value(name)
    expect(page.locator(".result mark").first).to_be_visible()


def test_results_are_narrowed_by_a_facet_and_widened_again(new_page: Opened) -> None:
    page = new_page(f"{SEARCH}&q=Colby")
    facets = page.get_by_role("complementary", name="Filters")
    scan = facets.get_by_role("button", name=re.compile("03-bank-letter-scan.pdf"))
    scan.click()
    expect(page).to_have_url(re.compile("document="))
    expect(scan).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".result", has_not_text="03-bank-letter-scan.pdf")).to_have_count(0)
    expect(page.locator(".result").first).to_be_visible()
    page.get_by_role("button", name="Take back: 03-bank-letter-scan.pdf").click()
    expect(page.locator(".result", has_not_text="03-bank-letter-scan.pdf").first).to_be_visible()


def test_nothing_found_says_what_to_try(new_page: Opened) -> None:
    page = new_page(f"{SEARCH}&{urlencode({'q': 'Colby', 'from': '2190-01-01'})}")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_role("button", name="Search without filters").click()
    expect(page.locator(".result").first).to_be_visible()


def test_names_are_filtered_while_one_types(new_page: Opened) -> None:
    page = new_page(f"/entities?project={PROJECT}")
    page.get_by_label("Name", exact=True).press_sequentially("wrax")
    expect(page.locator(".entities .name").first).to_contain_text("Wraxall")
    page.get_by_role("button", name="Money").click()
    expect(page.get_by_role("heading", name="None of these")).to_be_visible()


def test_an_entity_shows_the_passages_of_a_relation_and_each_opens_its_place(site: Site, new_page: Opened) -> None:
    with site.api.client(Scope.READ) as client:
        related = client.get("/api/graph", params={"limit": 2}).json()["nodes"][0]["id"]
    page = new_page(f"/entities/{related}")
    page.get_by_role("button", name=re.compile("^Passages with")).first.click()
    passage = page.locator(".evidence .passage").first
    expect(passage.locator("mark").first).to_be_visible()
    passage.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/documents/.+start=\d+&end=\d+"))
    expect(page.locator("mark.hit").first).to_be_in_viewport()


@pytest.fixture
def pair(site: Site) -> Iterator[tuple[str, str]]:
    """Ids of two entities, which are as before when the test has ended."""
    with site.api.client(Scope.WRITE) as client:
        found = client.get("/api/entities", params={"type": EntityType.PERSON, "limit": 2}).json()["entities"]
        one, other = (each["id"] for each in found)
        yield one, other
        for decision in client.get(f"/api/entities/{one}").json()["decisions"]:
            client.delete(f"/api/decisions/{decision['id']}")


def test_two_names_are_made_one_split_and_taken_back(site: Site, new_page: Opened, pair: tuple[str, str]) -> None:
    with site.api.client(Scope.READ) as client:
        kept, merged = (client.get(f"/api/entities/{each}").json() for each in pair)
    other = merged["name"]
    spellings = {each["name"] for each in merged["aliases"]} - {each["name"] for each in kept["aliases"]}
    page = new_page(f"/entities/{pair[0]}")
    page.get_by_role("button", name="Merge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("The other name").fill(other)
    dialog.get_by_label(re.compile(re.escape(other))).check()
    dialog.get_by_label("Why").fill("The same hand.")
    dialog.get_by_role("button", name="Make them one").click()
    expect(dialog).to_be_hidden()
    decided = page.locator(".decisions")
    expect(decided).to_contain_text("The same hand.")
    expect(page.locator(".measured")).to_contain_text(other)

    page.get_by_role("button", name="Split").click()
    for spelling in spellings:
        dialog.get_by_role("checkbox", name=re.compile(rf"^{re.escape(spelling)}\s+\d")).check()
    dialog.get_by_role("button", name="Split off").click()
    expect(page.get_by_text("stands by itself now.")).to_be_visible()
    expect(page.locator(".measured")).not_to_contain_text(other)

    decided.get_by_role("button", name="Undo").first.click()
    page.get_by_role("button", name="Take it back").click()
    expect(decided.locator("li")).to_have_count(1)  # the merge holds again
    expect(page.locator(".measured")).to_contain_text(other)


def test_who_may_read_alone_is_offered_no_merge(site: Site, new_page: Opened) -> None:
    page = new_page(f"/entities/{entity(site, 'Colby Wraxall')}", scope=Scope.READ)
    expect(page.get_by_role("link", name="Graph").last).to_be_visible()
    expect(page.get_by_role("button", name="Merge")).to_have_count(0)
