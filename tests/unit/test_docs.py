"""README and docs/settings.md cannot lie: what they say of settings is compared with the code."""

import re
from pathlib import Path

from pipeline.settings import Settings
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
