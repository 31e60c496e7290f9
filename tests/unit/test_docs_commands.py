"""Every command that README and docs/ write down is there, with every option that is written behind it."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`|^(?: {4,}|sudo |\$ )(.+)$", re.MULTILINE)
CALL = re.compile(r"(?<!-u )\bnlp-pipeline ((?:-[-a-z]+ )*)([a-z]+)\b([^#|&;]*)")


def written(page: Path) -> Iterator[tuple[str, set[str]]]:
    """Commands in code, with their options."""
    for span, line in CODE.findall(page.read_text(encoding="utf-8")):
        for own, name, rest in CALL.findall(span or line):
            yield name, set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", own + rest))


def options(command: click.Command) -> set[str]:
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    own = {"--help", "--debug", *(word for parameter in command.params for word in parameter.opts)}
    return own.union(*(options(each) for each in inner))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_written_down_can_be_typed(page: Path) -> None:
    for name, words in written(page):
        assert name in COMMANDS, name
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert words <= options(command), f"{name}: {words - options(command)}"


def test_every_command_is_written_down() -> None:
    assert {name for page in PAGES for name, _ in written(page)} == set(COMMANDS)
