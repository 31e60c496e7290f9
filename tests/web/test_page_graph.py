"""The graph: gone through by keys, expanded, followed from one name to another; as tables for who cannot see it."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.conftest import PROJECT, Site

Opened = Callable[..., Page]
GRAPH = f"/graph?project={PROJECT}"


def shown(page: Page) -> int:
    """How many names are told of."""
    found = re.match(r"([\d,]+) names?", page.locator(".graph .panel h2").inner_text())
    assert found
    return int(found[1].replace(",", ""))


def test_it_is_gone_through_by_keys_and_expanded(new_page: Opened) -> None:
    page = new_page(f"{GRAPH}&limit=5")
    stage = page.get_by_role("application")
    expect(page.locator(".canvas canvas").first).to_be_visible()
    before = shown(page)
    stage.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".graph .panel h2 a")).to_be_visible()
    expect(page.locator(".stage [role=status]")).to_contain_text("relation")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Expanded")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(page.locator(".graph .panel h2")).to_contain_text("names,")
    assert shown(page) > before


def test_the_way_between_two_and_the_passages_of_a_step(site: Site, new_page: Opened) -> None:
    with site.api.client() as client:
        heaviest = client.get("/api/graph", params={"limit": 2}).json()
    found, far = heaviest["nodes"][:2]
    page = new_page(f"/graph?project={PROJECT}&entity={found['id']}")
    page.get_by_role("button", name="Way to").click()
    other = page.get_by_role("combobox", name="The other name")
    other.fill(far["name"])
    page.get_by_role("option", name=re.compile("^" + re.escape(far["name"]))).first.click()
    expect(other).to_have_value(far["name"])
    page.get_by_role("button", name="Find the way").click()
    steps = page.locator(".way li")
    expect(steps.first).to_contain_text(found["name"])
    expect(steps.last).to_contain_text(far["name"])
    steps.last.locator(".step").click()
    expect(page.locator(".graph .evidence .passage").first).to_be_visible()


MOVING = "() => document.querySelector('.stage-note')?.textContent !== '' && layer('sketch') && !layer('edges')"
WHOLE = "() => document.querySelector('.stage-note')?.textContent === '' && layer('edges') && !layer('sketch')"
LAYER = (
    "globalThis.layer = (name) => document.querySelector(`.sigma-${name}`)?.checkVisibility({ visibilityProperty: true })"
)


def test_many_names_are_sketched_while_they_are_arranged(new_page: Opened) -> None:
    ids = [f"{number:032x}" for number in range(900)]
    nodes = [{"id": each, "name": f"Name {each[-3:]}", "type": "PERSON", "mentions": 1, "documents": 1} for each in ids]
    edge = {"predicate": "CO_OCCURS_WITH", "weight": 1, "documents": 1}
    edges = [edge | {"subject": ids[number], "object": ids[(number - 1) // 3]} for number in range(1, len(ids))]
    page = new_page("/status")
    page.emulate_media(reduced_motion="no-preference")
    page.add_init_script(LAYER)
    page.route("**/api/graph?**", lambda route: route.fulfill(json={"nodes": nodes, "edges": edges, "more": False}))
    page.goto(GRAPH)
    page.wait_for_function(MOVING)
    page.wait_for_function(WHOLE)
    assert shown(page) == len(ids)


def test_types_and_weight_narrow_it(new_page: Opened) -> None:
    page = new_page(GRAPH)
    expect(page.locator(".canvas canvas").first).to_be_visible()
    everything = shown(page)
    page.get_by_role("button", name=re.compile("^Person")).click()
    expect(page).to_have_url(re.compile("type=PERSON"))
    page.wait_for_function(f"() => parseInt(document.querySelector('.graph .panel h2').innerText) < {everything}")


def test_the_tables_have_the_same_names_and_relations(new_page: Opened) -> None:
    page = new_page(f"{GRAPH}&weight=1")
    heading = page.locator(".graph .panel h2")
    expect(page.locator(".canvas canvas").first).to_be_visible()
    said = re.findall(r"\d+", heading.inner_text())
    page.get_by_role("button", name="Table").click()
    expect(page.locator("caption").first).to_have_text(f"Names {said[0]}")
    expect(page.locator("caption").last).to_have_text(f"Relations {said[1]}")
    page.get_by_role("region", name="Relations").get_by_role("button", name="show them").first.click()
    expect(page.locator(".graph .evidence .passage").first).to_be_visible()


def test_without_webgl_there_are_the_tables(new_page: Opened) -> None:
    page = new_page("/login")
    page.add_init_script("delete window.WebGL2RenderingContext")
    page.goto(GRAPH)
    expect(page.get_by_text("has no WebGL")).to_be_visible()
    expect(page.locator("caption").first).to_contain_text("Names")
