"""The pages of docs/ become a site without a warning, and every link among them, and from the README, leads somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {"script", "img", "link", "iframe", "source", "image"}
"""Elements whose addresses a browser fetches by itself."""


class Page(HTMLParser):
    """The places of a page that can be linked to, and what it links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.places |= {values[name] or "" for name in ("id", "name") if name in values}
        addresses = [values[name] or "" for name in ("href", "src", "xlink:href") if name in values]
        (self.loads if tag in LOADED else self.links).extend(addresses)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-P", "-m", "sphinx", "-W", "-n", "-q", "--keep-going", "-b", "html"]
    made = subprocess.run(
        [*command, "-d", folder / "trees", DOCS, folder / "html"], capture_output=True, encoding="utf-8", check=False
    )
    assert made.returncode == 0, made.stderr
    return folder / "html"


@cache
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def broken(site: Path, path: Path) -> Iterator[str]:
    for link in page(path).links:
        address = urlsplit(link)
        if address.scheme or address.netloc:
            continue
        target = (path.parent / unquote(address.path)).resolve() if address.path else path
        if not target.is_file() or not has(target, unquote(address.fragment)):
            yield f"{path.name}: {link}"


def has(target: Path, place: str) -> bool:
    return not place or target.suffix != ".html" or place in page(target).places


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    assert {p.stem for p in pages} >= {p.stem for p in DOCS.glob("*.md")}
    assert [link for path in pages for link in broken(site, path)] == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = [load for path in site.glob("*.html") for load in page(path).loads]
    assert loads
    assert [load for load in loads if urlsplit(load).netloc] == []


def test_pictures_run_nothing_and_say_what_they_show() -> None:
    pictures = [ElementTree.parse(path).getroot() for path in sorted((DOCS / "pictures").glob("*.svg"))]
    assert pictures
    for picture in pictures:
        assert {"title", "desc"} <= {element.tag.rpartition("}")[2] for element in picture}
        assert not {"script", "foreignObject", "image", "a"} & {e.tag.rpartition("}")[2] for e in picture.iter()}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_from_outside_lead_somewhere(site: Path, name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert links or name != "README.md"
    for link in links:
        address = urlsplit(link)
        if address.scheme:
            continue
        assert (ROOT / address.path).exists(), link
        if address.fragment:
            assert has(site / f"{Path(address.path).stem}.html", address.fragment), link
