import re
from importlib.resources import files
from pathlib import Path

import pytest

from pipeline.stores import statements
from pipeline.stores.statements import load_statements


@pytest.mark.parametrize("path", ["sql/queries.sql", "sql/reports.sql", "cypher/graph.cypher"])
def test_every_statement_of_the_project_has_a_name_and_a_text(path: str) -> None:
    loaded = load_statements(path)
    text = (files("pipeline.stores") / path).read_text(encoding="utf-8")
    assert len(loaded) == len(re.findall(r"^(?:--|//) name: ", text, re.MULTILINE)) > 10
    assert all(statement and not statement.endswith(";") for statement in loaded.values())


def loaded_from(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> dict[str, str]:
    (folder / "x.sql").write_text(text, encoding="utf-8")
    monkeypatch.setattr(statements, "files", lambda _: folder)
    return load_statements("x.sql")


def test_names_begin_statements_and_what_stands_before_the_first_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "-- About.\n\n-- name: one\nselect 1;\n\n-- name: two  \n-- why\nselect '-- name: no';\n"
    assert loaded_from(monkeypatch, tmp_path, text) == {"one": "select 1", "two": "-- why\nselect '-- name: no'"}


def test_a_name_that_stands_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        loaded_from(monkeypatch, tmp_path, "-- name: one\nselect 1;\n-- name: one\nselect 2;\n")
