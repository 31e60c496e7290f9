"""Put documents in, see them go through, see why one failed, cancel, retry, delete."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect
from psycopg.types.json import Jsonb

from pipeline.model import Submission
from tests.chromium import drop
from tests.web.conftest import DEADLINE, Site

Opened = Callable[..., Page]
LONG = DEADLINE * 1000  # milliseconds


def row(page: Page, name: str) -> Locator:
    return page.locator("table.documents tbody tr").filter(has_text=name)


def act(page: Page, name: str, action: str) -> None:
    row(page, name).get_by_label("Actions for").click()
    row(page, name).get_by_role("button", name=action).click()


def submit_for_later(site: Site, project: str, *names: str) -> None:
    """Documents that wait for a next try in an hour."""
    files = [Submission(name, name, f"{project}/{name}", 10, name)._asdict() for name in names]
    with site.api.database.connection() as connection, connection.transaction():
        connection.execute("select submit_documents(%s, %s)", (project, Jsonb(files)))
        connection.execute(
            "update documents set status = 'queued', not_before = now() + interval '1 hour' where file_name = any (%s)",
            ([*names],),
        )


def test_a_folder_that_is_dropped_goes_all_the_way_before_ones_eyes(new_page: Opened, tmp_path: Path) -> None:
    box = tmp_path / "box 3"
    (box / "letters").mkdir(parents=True)
    (box / "letters" / "first letter.txt").write_text("Ada Lovelace wrote to Charles Babbage in London.")
    (box / "second letter.txt").write_text("Mr. Babbage left London for Turin on 3 May 1842.")
    (box / ".DS_Store").write_text("clutter")
    (box / "nothing.pdf").touch()
    page = new_page("/?project=dropped")
    expect(page.get_by_text("Drop files or folders here")).to_be_visible()
    drop(page, box)
    expect(page.get_by_label("Upload under way")).to_contain_text("box 3/nothing.pdf was not uploaded: The file is empty")
    for name, folder in (("first letter.txt", "box 3/letters/"), ("second letter.txt", "box 3/")):
        expect(row(page, name)).to_contain_text(folder)
        expect(row(page, name)).to_contain_text("Completed", timeout=LONG)
    expect(page.locator("table.documents tbody tr")).to_have_count(2)
    expect(page.get_by_role("button", name="Completed 2")).to_be_visible()


def test_files_can_be_chosen_and_are_taken_once(new_page: Opened, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Clement sold the mill.")
    page = new_page("/?project=chosen")
    for said in ("1 file uploaded", "1 of them were here already"):
        page.get_by_label("Files", exact=True).set_input_files(letter)
        expect(page.get_by_label("Upload under way")).to_contain_text(said)
    expect(page.locator("table.documents tbody tr")).to_have_count(1)


def test_an_upload_goes_on_when_the_line_is_back(new_page: Opened, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("The mill was sold.")
    page = new_page("/?project=broken-line")
    expect(page.get_by_text("Drop files or folders here")).to_be_visible()
    tries: list[str] = []

    def upload(route: Route) -> None:
        tries.append(route.request.headers["idempotency-key"])
        route.abort() if len(tries) < 3 else route.continue_()

    page.route("**/upload*", upload)
    page.get_by_label("Files", exact=True).set_input_files(letter)
    expect(page.get_by_label("Upload under way")).to_contain_text("1 file uploaded", timeout=20_000)
    assert (len(tries), len(set(tries))) == (3, 1)


def test_why_it_failed_is_told_and_it_is_tried_again(new_page: Opened, tmp_path: Path) -> None:
    broken = tmp_path / "cut.docx"
    broken.write_bytes(b"PK\x03\x04" + bytes(200))
    page = new_page("/?project=broken")
    page.get_by_label("Files", exact=True).set_input_files(broken)
    expect(row(page, "cut.docx")).to_contain_text("damaged or incomplete", timeout=LONG)
    page.get_by_role("button", name=re.compile("^Failed")).click()
    expect(row(page, "cut.docx")).to_contain_text("Failed")
    act(page, "cut.docx", "Try again")
    expect(page.get_by_text("1 document queued again.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(row(page, "cut.docx")).to_contain_text("Failed", timeout=LONG)
    row(page, "cut.docx").get_by_role("link").click()
    page.get_by_role("button", name="History").click()
    expect(page.locator(".history li.failed")).to_have_count(2)


def test_one_is_cancelled_another_deleted(site: Site, new_page: Opened) -> None:
    submit_for_later(site, "waiting", "one.txt", "two.txt")
    page = new_page("/?project=waiting")
    act(page, "one.txt", "Cancel")
    expect(row(page, "one.txt")).to_contain_text("Cancelled")
    act(page, "two.txt", "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("two.txt will be removed")
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, "two.txt")).to_have_count(0)
    expect(row(page, "one.txt")).to_have_count(1)


def test_many_are_turned_over_selected_and_cancelled(site: Site, new_page: Opened) -> None:
    submit_for_later(site, "many", *(f"letter {number}.txt" for number in range(60)))
    page = new_page("/?project=many")
    rows = page.locator("table.documents tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Older", exact=True).click()
    expect(rows).to_have_count(10)
    page.get_by_label("Select all that are shown").check()
    selected = page.get_by_role("region", name="Selected documents")
    expect(selected).to_contain_text("10 documents selected")
    selected.get_by_role("button", name="Cancel").click()
    expect(rows.filter(has_text="Cancelled")).to_have_count(10, timeout=30_000)
    page.get_by_role("button", name="Newer", exact=True).click()
    expect(rows).to_have_count(50)
    page.get_by_label("Text in the path").fill("letter 59")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name=re.compile("^In progress")).click()
    expect(page).to_have_url(re.compile("status=in_progress.*q=letter"))
