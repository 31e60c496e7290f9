"""One document for ``status``: where it stands, what was done to it, and what happened on the way."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pipeline.cli.output import COLOURS, count, duration, plain, table
from pipeline.status import FINAL
from pipeline.stores.stories import Event, StepMade, Story

EVENTS_SHOWN = 20
NOTES = {"dropped": "dropped: not in the text", "fallbacks": "read by the local model"}


def drawn(story: Story) -> RenderableType:
    """The document as it is printed."""
    state = story.status if story.status in FINAL else f"{story.status} at {story.step}"
    parts: list[RenderableType] = [
        Text.assemble((plain(story.source_path), "bold"), "  ", (state, COLOURS.get(story.status, "cyan")), f"  {story.id}"),
        Text(", ".join((count(story.pages, "page"), count(story.chunks, "chunk"), count(story.mentions, "mention")))),
    ]
    if story.waiting_for:
        parts.append(Text(f"It waits: {plain(story.waiting_for)}", style="yellow"))
    if story.code:
        parts.append(Text.assemble((f"[{story.code}] ", "red"), plain(story.message)))
    return Group(*parts, Text(), _steps(story.steps), Text(), _events(story.events))


def as_data(story: Story) -> dict[str, Any]:
    """The document for a program."""
    return story._asdict() | {
        "steps": [step._asdict() for step in story.steps],
        "events": [event._asdict() for event in story.events],
    }


def _steps(steps: tuple[StepMade, ...]) -> RenderableType:
    grid = table("done", "at", "notes", "by")
    for step in steps:
        grid.add_row(step.step, step.finished, Text(_noted(step)), Text(plain(step.engine)))
    return grid


def _noted(step: StepMade) -> str:
    return ", ".join(f"{n:,} {NOTES.get(name, name)}" for name, n in step.notes.items())


def _events(events: tuple[Event, ...]) -> RenderableType:
    grid = table("what happened", "outcome", "ended", "took", "worker", "why", right=0)
    for event in events[-EVENTS_SHOWN:]:
        why = f"[{event.code}] {plain(event.message)}" if event.code else ""
        grid.add_row(
            event.step, event.outcome, event.finished, duration(event.seconds), Text(plain(event.worker)), Text(why)
        )
    return grid
