"""README and docs/settings.md cannot lie: what they say of settings is compared with the code."""

import re
from pathlib import Path

from pipeline.queues import WORKER_TYPES
from pipeline.settings import Settings
from pipeline.status import Status, Step
from tests import settings_page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """The table as it should stand in the README."""
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{seconds(field.default)}`"
        rows.append(f"| `{name.upper()}` | {default} | {' '.join((field.description or '').split())} |")
    return "\n".join(rows)


def seconds(value: object) -> object:
    total = getattr(value, "total_seconds", None)
    return int(total()) if total else value


def test_the_readme_lists_every_setting() -> None:
    assert settings_table() in README


def test_the_page_of_settings_is_true() -> None:
    """If not: python -m tests.settings_page > docs/settings.md."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page.page()
    assert [name for _, names in settings_page.groups() for name in names] == list(Settings.model_fields)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_readme_names_only_files_that_exist() -> None:
    paths = re.findall(r"`((?:pipeline|benchmarks|scripts|docs|samples)/[\w./-]*)`", README)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_states_steps_and_workers_are_those_that_there_are() -> None:
    assert set(re.findall(r">([a-z_]+)</text>", page("pictures/states.svg"))) >= {*Status}
    assert re.findall(r"^\|[^|]*\| `(\w+)` \|", page("how-it-works.md"), re.MULTILINE) == [*Step]
    workers = page("production.md").partition("| worker | needs | where |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", workers, re.MULTILINE)) == {worker.name for worker in WORKER_TYPES}
