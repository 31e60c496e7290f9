import subprocess
import sys

import click
import pytest

from pipeline.cli.main import COMMANDS, cli, execute

HEAVY = ("pydantic", "psycopg", "rich", "celery", "numpy", "redis", "neo4j", "onnxruntime", "spacy", "textual")


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_of_a_command_what_it_says_of_itself(name: str) -> None:
    assert command(name).get_short_help_str(200) == COMMANDS[name][1]


@pytest.mark.parametrize("name", [*COMMANDS, ""])
def test_help_has_an_example_on_lines_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([name, "--help"] if name else ["--help"]) == 0
    example = capsys.readouterr().out.partition("Example:")[2].strip()
    assert f"nlp-pipeline {name}".strip() in example.splitlines()[0]


def test_help_loads_no_library() -> None:
    words = "m.execute(['--help']); m.execute(['watch', '--help'])"
    look = f"import sys, pipeline.cli.main as m; {words}; print([x for x in {HEAVY} if x in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["run"],
        ["run", "/does/not/exist"],
        ["search"],
        ["export"],
        ["worker", "x"],
        ["--frobnicate"],
        ["watch"],
        ["watch", "--json"],
        ["pause", "x"],
    ],
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(words) == 2
    assert "Error: " in capsys.readouterr().err


def test_a_wrong_setting_is_2_and_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHUNK_TOKENS", "many")
    assert execute(["models"]) == 2
    said = capsys.readouterr().err
    assert "CHUNK_TOKENS" in said
    assert "Traceback" not in said
    assert "doctor" in said


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.errors import Misconfigured

    monkeypatch.setenv("CHUNK_TOKENS", "many")
    with pytest.raises(Misconfigured):
        execute(["--debug", "models"])


def test_a_home_that_was_never_used_is_said_to_be_empty(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NLP_PIPELINE_HOME", f"{tmp_path}/home")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert execute(["status"]) == 2
    assert "nlp-pipeline run PATH" in capsys.readouterr().err
    assert execute(["submit", "--project", "a/b", __file__]) == 2
