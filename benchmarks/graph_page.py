"""How fluid the graph's page stays with 2,000 names, while it arranges them and at rest: frames, pauses, reaction to a hand.

usage: python benchmarks/graph_page.py [--names 2000] [--documents 2000] [--home FOLDER]

Fills a database of its own, or goes on with that of ``--home``; a real Chromium, 1440 x 900, without a graphics card. A
pause is the time between two frames; a reaction is the time from a move of the mouse, a turn of its wheel, a press of its
button or of a key until the frame after it was made. Prints a table; the last line is {"panning at rest": {"frames": …}, …}.
"""

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from api import served
from archive import PROJECT
from playwright.sync_api import Browser, Page, ViewportSize

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests.chromium

from tests.chromium import chromium, executable

LASTS = 3.0  # seconds of each thing that is tried
EACH = 1 / 60  # seconds between movements of the mouse
WIDE = ViewportSize(width=1440, height=900)
WAIT = 120_000  # milliseconds
ARRANGING = "() => Boolean(document.querySelector('.stage-note')?.textContent)"
AT_REST = "() => document.querySelector('.stage-note')?.textContent === ''"
NAME = ".canvas[data-over=node]"
WATCH = """
(() => {
  let last;
  const measured = (globalThis.measured = { frames: [], reactions: [] });
  const frame = () => {
    const now = performance.now();
    if (last) measured.frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const react = ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => measured.reactions.push(performance.now() - timeStamp);
    port2.postMessage(null);
  });
  const when = { capture: true, passive: true };
  for (const kind of ["mousedown", "mousemove", "wheel", "keydown"]) addEventListener(kind, react, when);
})();
"""
TAKE = "() => [measured.frames.splice(0), measured.reactions.splice(0)]"

Hand = Callable[[Page, int], None]
"""Does something once on a page; how often it was done before is told."""


class Fluid(NamedTuple):
    """Frames a second, and milliseconds: the longest pause; reactions, none where nothing was done."""

    frames: float
    pause: float
    median: float | None = None
    p95: float | None = None
    worst: float | None = None


def nothing(page: Page, _: int) -> None:
    """Look on."""
    page.wait_for_timeout(100)


def wander(page: Page, number: int) -> None:
    """Move the mouse along a round."""
    x, y = middle(page)
    page.mouse.move(x + 180 * math.cos(number / 20), y + 120 * math.sin(number / 20))
    time.sleep(EACH)


def wheel(page: Page, number: int) -> None:
    """Turn the wheel, into the picture and out again."""
    page.mouse.wheel(0, -100 if number // 15 % 2 == 0 else 100)
    time.sleep(4 * EACH)


def keys(page: Page, number: int) -> None:
    """Go from name to name."""
    page.keyboard.press(("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp")[number % 4])
    time.sleep(6 * EACH)


def middle(page: Page) -> tuple[float, float]:
    """Of the picture."""
    box = page.locator(".canvas").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def to_middle(page: Page) -> None:
    """Put the mouse there."""
    page.mouse.move(*middle(page))


def to_a_name(page: Page) -> None:
    """Put the mouse on a name, which is told by its pointer."""
    x, y = middle(page)
    for number in range(400):
        page.mouse.move(x + number * math.cos(number), y + number * math.sin(number))
        if page.locator(NAME).count():
            page.wait_for_timeout(100)  # it may be what was pointed at before
            if page.locator(NAME).count():
                return
    sys.exit("There is no name in the picture.")


class Trial(NamedTuple):
    """Something that a hand does, with the button of the mouse ``held`` or not; ``start`` puts the mouse where it begins."""

    name: str
    hand: Hand
    held: bool = False
    start: Callable[[Page], None] = to_middle


TRIALS = (
    Trial("nothing", nothing),
    Trial("pointing", wander),
    Trial("panning", wander, held=True),
    Trial("dragging a name", wander, held=True, start=to_a_name),
    Trial("zooming", wheel),
    Trial("keys", keys),
)


def tried(page: Page, trial: Trial, state: str) -> Fluid:
    """What was measured meanwhile, as long as the page is in this state."""
    page.locator(".stage-keys").focus()
    trial.start(page)
    page.evaluate(TAKE)
    if trial.held:
        page.mouse.down()
    end, number = time.monotonic() + LASTS, 0
    while time.monotonic() < end and page.evaluate(state):
        trial.hand(page, number)
        number += 1
    if trial.held:
        page.mouse.up()
    frames, reactions = page.evaluate(TAKE)
    fluid = Fluid(1000 * len(frames) / sum(frames), max(frames))
    if not reactions:
        return fluid
    p95 = sorted(reactions)[int(0.95 * len(reactions))]
    return fluid._replace(median=statistics.median(reactions), p95=p95, worst=max(reactions))


def measured(browser: Browser, address: str, key: str, names: int) -> tuple[dict[str, Fluid], float, str]:
    """Everything tried; seconds until all names have their place; what the page says of how much it shows."""
    with browser.new_context(base_url=address, viewport=WIDE) as context:
        assert context.request.post("/api/session", data={"key": key}).ok
        context.add_init_script(WATCH)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        found = {}
        for trial in TRIALS:
            opened(page, names)
            found[f"{trial.name} while arranging"] = tried(page, trial, ARRANGING)
        opened(page, names)
        began = time.monotonic()
        page.wait_for_function(AT_REST)
        lasted = time.monotonic() - began
        shown = page.locator(".graph .panel h2").inner_text()
        for trial in TRIALS:
            found[f"{trial.name} at rest"] = tried(page, trial, AT_REST)
        return found, lasted, shown


def opened(page: Page, names: int) -> None:
    """The page anew; its names begin to move."""
    page.goto(f"/graph?project={PROJECT}&limit={names}")
    page.wait_for_function(ARRANGING)


def main() -> None:
    """Fill, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=2000)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--home", type=Path, help="where the database is kept for another time")
    args = parser.parse_args()
    path = executable() or sys.exit("Chromium is not installed.")
    work = Path(tempfile.mkdtemp(prefix="graph-"))
    work.chmod(0o711)
    try:
        with served((args.home or work / "home").resolve(), args.documents) as (api, *_), chromium(path) as browser:
            found, lasted, shown = measured(browser, api.url, api.key, args.names)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{shown}; arranged in {lasted:.1f} s")
    print(f"{'milliseconds':33}frames/s   pause  reaction: median     p95   worst")
    for name, fluid in found.items():
        reactions = [f"{value:8.0f}" for value in fluid[2:] if value is not None]
        print(f"{name:33}{fluid.frames:8.0f}{fluid.pause:8.0f}{'':10}{''.join(reactions)}")
    told = {name: {k: round(v, 1) for k, v in fluid._asdict().items() if v is not None} for name, fluid in found.items()}
    print(json.dumps(told | {"arranged": round(lasted, 1), "shown": shown}))


if __name__ == "__main__":
    main()
