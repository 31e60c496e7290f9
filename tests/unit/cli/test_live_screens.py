"""The live monitor's screens, compared with pictures that a person has looked at.

A picture that has changed is written beside the one that is kept, as ``….new.svg``: look at both, and move it over if it is
right.
"""

import asyncio
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pipeline.cli.live.app import Monitor
from pipeline.cli.live.keys import KEYS
from pipeline.monitor.snapshot import Facts, Snapshot
from pipeline.status import Status, Step
from pipeline.stores.watching import Event, History, Listing
from tests.unit.cli.pictured import FACTS, LETTER, quiet, snapshot

PICTURES = Path(__file__).parent / "pictures"
IN_DOCS = Path(__file__).parents[3] / "docs" / "watch.svg"
NARROW, WIDE = (80, 24), (160, 48)
AWAY = FACTS._replace(
    seen=None,
    heard=None,
    missing={"database": "The database does not answer.", "broker": "The broker at h:1 does not answer."},
)
HISTORY = History(
    "harbour", LETTER, Status.ERROR, Step.PROCESS_OCR, "worker_killed", "The worker died 3 times.", "", 2, 0, 0,
    (
        Event(12.0, Step.PROCESS_OCR, "crashed", "ocr@vm/311", 31.2, "vanished", ""),
        Event(75.0, Step.PROCESS_OCR, "retry", "ocr@vm/298", 0.4, "outage", "The file store is away."),
        Event(4000.0, Step.PROCESS_OCR, "done", "ocr@vm/200", 2.25, "", ""),
    ),
)  # fmt: skip


class Fixed:
    """Sees the same moment each time."""

    def __init__(self, moment: Snapshot) -> None:
        self.moment = moment
        self.looked = 0
        self.project: str | None = None
        self.listing: Listing | None = None

    def look(self) -> Snapshot:
        self.looked += 1
        return self.moment

    def history(self, document_id: str) -> History:
        assert document_id
        return HISTORY


class Still:
    """Must not be asked to act."""

    def retry(self, document: str) -> str:
        raise AssertionError(document)

    cancel = pause = resume = retry


async def shown(moment: Snapshot, size: tuple[int, int], *keys: str) -> str:
    """The screen after these keys, as a picture."""
    async with Monitor(Fixed(moment), Still(), every=600).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*keys)
        return await settled(pilot)


async def settled(pilot: Pilot[None]) -> str:
    """The screen once nothing moves any more."""
    app, same = pilot.app, [""]
    assert isinstance(app, Monitor)
    for _ in range(400):
        await pilot.pause(0.05)
        busy = app.snapshot is None or any(each.is_running for each in app.workers if each.group != "look")
        now = steady(app.export_screenshot())
        same = [*same, now] if now == same[-1] and not busy else [now]
        if len(same) == 4:
            return now
    pytest.fail("the screen does not come to rest")


def steady(picture: str) -> str:
    """Without the number that follows from its content, and without fonts from elsewhere."""
    return re.sub(r"\s*@font-face {.*?}", "", re.sub(r"terminal-\d+", "terminal", picture), flags=re.DOTALL)


SCREENS: dict[str, tuple[Facts, tuple[int, int], tuple[str, ...]]] = {
    "narrow": (FACTS, NARROW, ()),
    "narrow-documents": (FACTS, NARROW, ("3", "down")),
    "narrow-failures": (FACTS, NARROW, ("4",)),
    "narrow-quiet": (quiet(), NARROW, ("1",)),
    "narrow-away": (AWAY, NARROW, ()),
    "narrow-history": (FACTS, NARROW, ("3", "enter")),
    "narrow-cancel": (FACTS, NARROW, ("3", "c")),
    "narrow-condition": (FACTS, NARROW, ("w",)),
    "narrow-keys": (FACTS, NARROW, ("question_mark",)),
    "wide": (FACTS, WIDE, ()),
    "wide-documents": (FACTS, WIDE, ("3",)),
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_did(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts, size, keys = SCREENS[name]
    found = asyncio.run(shown(snapshot(monkeypatch, facts), size, *keys))
    kept = IN_DOCS if name == "wide-documents" else PICTURES / f"{name}.svg"
    new = kept.with_suffix(".new.svg")
    if not kept.exists() or found != kept.read_text(encoding="utf-8"):
        new.write_text(found, encoding="utf-8")
        pytest.fail(f"It looks otherwise now; see {new}.")
    new.unlink(missing_ok=True)


def test_looking_acts_on_nothing_whatever_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (
        "1",
        "2",
        "3",
        "4",
        "s",
        "slash",
        "escape",
        "p",
        "escape",
        "enter",
        "escape",
        "c",
        "n",
        "1",
        "space",
        "n",
        "w",
        "q",
        "question_mark",
        "escape",
    )
    asyncio.run(shown(snapshot(monkeypatch), NARROW, *keys))


def test_every_key_has_an_action_and_a_word_for_it() -> None:
    for key in KEYS:
        assert key.help
        assert hasattr(Monitor, f"action_{key.action.partition('(')[0]}")
    assert len({key.key for key in KEYS}) == len(KEYS)
