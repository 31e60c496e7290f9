"""A snapshot in print: it fits 80 columns, says what is missing, and nothing in a name can move the cursor."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.cli.glance import ago, printed, spark
from pipeline.monitor.snapshot import Snapshot
from tests.unit.cli.pictured import FACTS, SEEN, quiet, snapshot

Patch = pytest.MonkeyPatch


def shown(moment: Snapshot, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False, emoji=False).print(printed(moment))
    return out.getvalue()


def test_it_fits_80_columns_and_tells_all(monkeypatch: Patch) -> None:
    said = shown(snapshot(monkeypatch))
    assert max(map(len, said.splitlines())) <= 80
    said = " ".join(said.split())
    for words in (
        "on their way 9 (ocr 3, entity 2, graph 4)", "2026-11-22 09:22:33", "3 things are not well",
        "pending 98,204 (the oldest for 2 h)",
        "error 14",
        "38 in the last minute", "time left not known", "4 documents wait: The queue graph is paused.",
        "paused for 1 min", "812 MB", "2/2", "silent", "[encrypted] It is protected by a password.",
        "5 min ago", "ocr@other/98 died", "out the dredging.pdf", "pages reports/annual.pdf",
    ):  # fmt: skip
        assert words in said, said


def test_a_quiet_moment_says_so(monkeypatch: Patch) -> None:
    said = shown(snapshot(monkeypatch, quiet(), "harbour"))
    assert "project harbour" in said
    assert "all is well" in said
    assert "left" in said
    assert "lately tried in vain" not in said


def test_what_is_not_known_is_not_zero(monkeypatch: Patch) -> None:
    away = {"database": "The database does not answer.", "broker": "The broker at h:1 does not answer: refused."}
    said = shown(snapshot(monkeypatch, FACTS._replace(seen=None, heard=None, missing=away)))
    assert "! The database does not answer." in said
    assert "! The broker at h:1 does not answer: refused." in said
    assert "documents: not known" in said
    assert next(line for line in said.splitlines() if line.startswith("ocr ")).split() == ["ocr", "?", "?", "?", "?"]


def test_a_name_cannot_move_the_cursor(monkeypatch: Patch) -> None:
    evil = "a\x1b[2J\u202egpj.exe\n[red]"
    work = (SEEN.at_work[0]._replace(source_path=evil, worker=f"{evil}@vm/1"),)
    failures = (SEEN.failures[0]._replace(source_path=evil, message=evil, code="x"),)
    said = shown(snapshot(monkeypatch, FACTS._replace(seen=replace(SEEN, at_work=work, failures=failures))))
    assert not {"\x1b", "\u202e"} & set(said)
    assert "[red]" in said


@pytest.mark.parametrize(("values", "bars"), [((), ""), ((0, 0), ""), ((0, 1, 2, 4, 8), " ▁▂▄█"), ((5,), "█")])
def test_bars(values: tuple[int, ...], bars: str) -> None:
    assert spark(values) == bars


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s ago"), (59, "59 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (9e5, "10 d ago")]
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(seconds) == said
