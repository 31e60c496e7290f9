"""The page's files hold together: what they name is there, they ask no other machine, and what is vendored is unchanged."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from pipeline.web.files import FOLDER, MEDIA_TYPES, Site
from pipeline.web.routes import PAGES

OURS = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.parent.name != "vendor")
SCRIPTS = [path for path in OURS if path.suffix == ".js"]
VENDOR = FOLDER / "vendor"
NAMESPACE = "http://www.w3.org/2000/svg"


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def imports(script: Path) -> list[str]:
    said = script.read_text()
    return re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""", said) + re.findall(r'new URL\("([^"]+)"', said)


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_what_is_imported_is_there(script: Path) -> None:
    missing = [each for each in imports(script) if not each.startswith(".") or not (script.parent / each).is_file()]
    assert missing == []


def test_every_script_is_used() -> None:
    used = {(script.parent / each).resolve() for script in SCRIPTS for each in imports(script)}
    named = {
        (FOLDER / each).resolve() for each in re.findall(r'/static/\{version\}/([^"]+)', (FOLDER / "index.html").read_text())
    }
    assert {name(script) for script in SCRIPTS if script.resolve() not in used | named} == set()


@pytest.mark.parametrize("path", OURS, ids=name)
def test_no_file_names_another_machine(path: Path) -> None:
    assert re.findall(r"(?:https?:)?//[\w-]+(?:\.[\w-]+)+[^\s\"'`]*", path.read_text().replace(NAMESPACE, "")) == []


def test_vendored_files_are_those_of_the_list_and_unchanged() -> None:
    listed = {
        file: digest for each in json.loads((VENDOR / "vendor.json").read_text()) for file, digest in each["files"].items()
    }
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir() if path.name != "vendor.json"
    }
    assert found == listed


def test_every_vendored_package_comes_with_its_licence() -> None:
    for package in json.loads((VENDOR / "vendor.json").read_text()):
        assert package["license"] in ("MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause")
        assert any(file.endswith(".LICENSE") for file in package["files"])


def test_nothing_stands_inline() -> None:
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<style|<script>|\son\w+=|\sstyle=", page) == []


def test_every_file_is_of_a_kind_that_is_served() -> None:
    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} <= MEDIA_TYPES.keys()


def test_every_page_of_the_table_is_a_route_of_the_server() -> None:
    paths = re.findall(r'path: "([^"]+)"', (FOLDER / "routes.js").read_text())
    known = {re.sub(r"{\w+}", "{}", path) for path in PAGES}
    assert paths
    assert {path for path in paths if re.sub(r"{\w+}", "{}", path) not in known} == set()


def test_another_content_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "style").mkdir()
    (tmp_path / "index.html").write_text("{version} {styles} {modules}")
    (tmp_path / "style" / "a.css").write_text("a {}")
    one = Site(tmp_path)
    (tmp_path / "style" / "a.css").write_text("b {}")
    other = Site(tmp_path)
    assert one.version != other.version
    assert one.version.encode() in one.index.body
    assert (other.asset(other.version, "style/a.css") is not None, other.asset(one.version, "style/a.css")) == (True, None)
