"""Take the pictures of the web page that stand in docs/pictures, of a running program that has read samples/ravensport.

Needs what tests need (`make venv`, the development packages) and Chromium:

    nlp-pipeline run samples/ravensport --project ravensport --keep && nlp-pipeline api
    python scripts/web_pictures.py http://127.0.0.1:8000 KEY
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests.chromium

from PIL import Image
from playwright.sync_api import Browser, BrowserContext

from tests.chromium import chromium, executable

PROJECT = "ravensport"
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PHRASE = "will lend the Ravensport"
WIDE, PHONE = (1280, 800), (390, 780)
QUALITY = 82
REST = 1200  # milliseconds until everything has come and stands still

Ask = Callable[..., Any]


class Picture(NamedTuple):
    """A picture of a place; ``seen`` is what must be there first."""

    name: str
    path: str
    seen: str
    size: tuple[int, int] = WIDE
    dark: bool = False


def pictures(ask: Ask) -> list[Picture]:
    """What is taken, as the API answers now."""
    found = ask("/api/documents", project=PROJECT, q="03-bank-letter-scan")["documents"][0]["document_id"]
    (page, *_) = [p for p in ask(f"/api/documents/{found}", include="pages")["pages"] if PHRASE in p["text"]]
    start = page["start"] + page["text"].index(PHRASE)
    place = urlencode({"page": page["number"], "start": start, "end": start + len(PHRASE)})
    person = ask("/api/entities", project=PROJECT, q="Margaret Caldwell", type="PERSON")["entities"][0]["id"]
    here = urlencode({"project": PROJECT})
    return [
        Picture("web-documents", f"/?{here}", "table.documents"),
        Picture("web-document", f"/documents/{found}?{place}", ".sheet.there"),
        Picture("web-search", f"/search?{here}&q=who+approved+the+extra+payment", "main mark"),
        Picture("web-entity", f"/entities/{person}", "main h1", dark=True),
        Picture("web-graph", f"/graph?{here}&entity={person}", "main canvas"),
        Picture("web-phone", f"/documents/{found}?{place}", ".sheet.there", PHONE),
    ]


def take(browser: Browser, address: str, key: str, picture: Picture) -> bytes:
    """The picture as WebP."""
    width, height = picture.size
    with browser.new_context(
        base_url=address, viewport={"width": width, "height": height}, color_scheme="dark" if picture.dark else "light"
    ) as context:
        enter(context, key)
        page = context.new_page()
        page.goto(picture.path)
        page.wait_for_selector(picture.seen)
        page.wait_for_timeout(REST)
        image = Image.open(io.BytesIO(page.screenshot()))
    packed = io.BytesIO()
    image.save(packed, "WEBP", quality=QUALITY, method=6)
    return packed.getvalue()


def enter(context: BrowserContext, key: str) -> None:
    """Log in."""
    if not context.request.post("/api/session", data={"key": key}).ok:
        sys.exit("This key opens nothing.")


def main() -> None:
    """Take all, or those that are named."""
    address, key, *names = sys.argv[1:]
    path = executable() or sys.exit("Chromium is not installed.")
    with chromium(path) as browser:
        with browser.new_context(base_url=address) as context:
            enter(context, key)
            wanted = pictures(lambda route, **query: context.request.get(f"{route}?{urlencode(query)}").json())
        for picture in wanted:
            if not names or picture.name in names:
                (FOLDER / f"{picture.name}.webp").write_bytes(take(browser, address, key, picture))


if __name__ == "__main__":
    main()
