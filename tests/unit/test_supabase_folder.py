"""The folder ``supabase`` holds what the program would write there."""

import tomllib
from pathlib import Path

import pytest

from pipeline.stores.supabase_setup import supabase_migrations, write_supabase

FOLDER = Path(__file__).parents[2] / "supabase"


def test_the_folder_is_what_the_program_writes() -> None:
    """If this fails: ``make supabase``."""
    for title, text in supabase_migrations().items():
        newest = max((FOLDER / "migrations").glob(f"*_{title}.sql"))
        assert newest.read_text(encoding="utf-8") == text, f"{title}: nlp-pipeline migrate --write-supabase supabase"


def test_its_migrations_run_in_our_order() -> None:
    titles = [path.stem.partition("_")[2] for path in sorted((FOLDER / "migrations").glob("*.sql"))]
    numbered = [title for title in titles if title[0].isdigit()]
    assert numbered == sorted(numbered)
    assert titles[-1] == "functions"


def test_its_config_can_be_read() -> None:
    config = tomllib.loads((FOLDER / "config.toml").read_text(encoding="utf-8"))
    assert config["api"]["schemas"] == ["public"]
    assert config["storage"]["buckets"]["documents"]["public"] is False


def test_what_is_written_once_stays_and_what_changed_comes_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_supabase(tmp_path)
    assert write_supabase(tmp_path) == []
    changed = supabase_migrations() | {"functions": "select 1;"}
    monkeypatch.setattr("pipeline.stores.supabase_setup.supabase_migrations", lambda: changed)
    (path,) = write_supabase(tmp_path)
    assert path.name > max(each.name for each in written if each.suffix == ".sql")
    assert len(list((tmp_path / "migrations").glob("*_functions.sql"))) == 2
