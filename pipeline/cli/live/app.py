"""The live monitor as a terminal runs it: panes that follow what an eye sees, and keys."""

import threading
from collections.abc import Callable
from typing import ClassVar, Protocol

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer, Static

from pipeline.cli.live import screen
from pipeline.cli.live.dialogs import Ask, Question, Reading
from pipeline.cli.live.keys import KEYS, SHOWN, help_lines
from pipeline.cli.live.panes import Table
from pipeline.cli.live.screen import Line
from pipeline.cli.output import plain
from pipeline.errors import PipelineError
from pipeline.monitor.snapshot import Snapshot
from pipeline.stores.watching import History, Listing, Wanted

PANES = ("queues", "workers", "documents", "failures")
STYLE = """
Screen { background: $background; }
#top { height: auto; padding: 0 1; }
#panes { height: 1fr; }
Table { border-top: solid $primary; height: 1fr; scrollbar-size-vertical: 1; display: none; }
Table:focus { border-top: solid $accent; border-title-style: bold; }
#queues { height: 8; display: block; }
Table.chosen { display: block; }
.-wide.-tall #panes { layout: grid; grid-size: 2 2; grid-rows: 10 1fr; grid-columns: 1fr 1fr; }
.-wide.-tall Table { display: block; height: 100%; }
ModalScreen { align: center middle; }
.dialog { width: 64; max-width: 95%; height: auto; padding: 1 2; background: $surface; border: round $accent; }
.page { width: 95%; height: 90%; padding: 0 1; background: $surface; border: round $accent; }
"""


class Looking(Protocol):
    """What the monitor sees with."""

    project: str | None
    listing: Listing | None

    def look(self) -> Snapshot:
        """What is there now."""

    def history(self, document_id: str) -> History | None:
        """What was done to a document."""


class Acting(Protocol):
    """What the monitor acts with; each says what came of it."""

    def retry(self, document: str) -> str:
        """Queue a document again."""

    def cancel(self, document: str) -> str:
        """Stop a document."""

    def pause(self, queue: str) -> str:
        """Let a queue stand still."""

    def resume(self, queue: str) -> str:
        """Let a queue go on."""


class Monitor(App[None]):
    """Looks again and again in a thread of its own, and shows what it saw. Changes nothing unless a key is pressed.

    Args:
        eye: sees.
        hand: acts.
        every: seconds between two looks.
    """

    CSS = STYLE
    TITLE = "nlp-pipeline"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(each.key, each.action, each.word, show=bool(each.word), key_display=SHOWN.get(each.key))
        for each in KEYS
        if each.key != "enter"  # which the tables know
    ]

    def __init__(self, eye: Looking, hand: Acting, every: float) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]
        self._eye, self._hand, self._every = eye, hand, every
        self._again, self._ending = threading.Event(), threading.Event()
        self.snapshot: Snapshot | None = None
        self.listing = eye.listing = Listing()

    def compose(self) -> ComposeResult:  # noqa: D102
        yield Static("Looking …", id="top")
        with Container(id="panes"):
            for name in PANES:
                yield Table(name)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to look."""
        self.action_pane("workers")
        self._look()

    def on_unmount(self) -> None:
        """Let the thread that looks end."""
        self._ending.set()
        self._again.set()

    @work(thread=True, group="look")
    def _look(self) -> None:
        while not self._ending.is_set():
            self._again.clear()
            snapshot = self._eye.look()
            if not self._ending.is_set():
                self.call_from_thread(self.show, snapshot)
            self._again.wait(self._every)

    def show(self, snapshot: Snapshot) -> None:
        """Show what was seen."""
        self.snapshot = snapshot
        with self.batch_update():
            self.query_one("#top", Static).update(screen.top(snapshot, self.size.width - 2))
            self._table("queues").show(screen.queues(snapshot))
            self._table("workers").show(screen.workers(snapshot, self._table("workers").size.width))
            self._table("documents").show(screen.documents(snapshot, self.listing))
            self._table("failures").show(screen.failures(snapshot))

    def action_pane(self, name: str) -> None:
        """Go to a pane; where there is no room for all, it takes the place of another."""
        if name != PANES[0]:  # which is always there
            for each in PANES[1:]:
                self._table(each).set_class(each == name, "chosen")
        self._table(name).focus()

    def action_state(self) -> None:
        """List documents in the next state."""
        states = list(Wanted)
        self._list(self.listing._replace(wanted=states[(states.index(self.listing.wanted) + 1) % len(states)]))

    def action_text(self) -> None:
        """Ask for a part of the path."""

        def take(text: str | None) -> None:
            if text is not None:
                self._list(self.listing._replace(text=text))

        self.push_screen(Ask("Documents with this text in their path; nothing: all", self.listing.text), take)

    def action_project(self) -> None:
        """Ask for a project."""

        def take(name: str | None) -> None:
            if name is not None:
                self._eye.project = name or None
                self._again.set()

        self.push_screen(Ask("Look at this project alone; nothing: all", self._eye.project or ""), take)

    def action_history(self) -> None:
        """Show what was done to the document under the cursor."""
        if line := self._document():
            self._read(line.document)

    @work(thread=True, group="read")
    def _read(self, document: str) -> None:
        try:
            found = self._eye.history(document)
        except PipelineError as fault:
            self.call_from_thread(self.notify, fault.message, severity="error")
            return
        if found is None:
            self.call_from_thread(self.notify, "There is no such document any more.", severity="warning")
        else:
            self.call_from_thread(self.push_screen, Reading("history", screen.history(found)))

    def action_retry(self) -> None:
        """Queue the document under the cursor again."""
        if line := self._document():
            self._act(self._hand.retry, line.document)

    def action_cancel(self) -> None:
        """Ask, and stop the document under the cursor."""
        if line := self._document():
            self._asked(f"Stop {plain(line.path)}?", self._hand.cancel, line.document)

    def action_pause(self) -> None:
        """Ask, and let the queue under the cursor stand still; or let it go on."""
        table = self._focused()
        if not table or table.id != "queues" or not table.line or not self.snapshot:
            self.notify("Go to a queue first: 1.", severity="warning")
            return
        name = table.line.id
        if any(queue.paused is not None for queue in self.snapshot.queues if queue.name == name):
            self._act(self._hand.resume, name)
        else:
            self._asked(
                f"Let nothing of the queue {name} begin, on any machine, until it is resumed?", self._hand.pause, name
            )

    def action_condition(self) -> None:
        """Show all that is not well."""
        if self.snapshot:
            self.push_screen(Reading("how it is", screen.condition(self.snapshot)))

    def action_keys(self) -> None:
        """Show the keys."""
        self.push_screen(Reading("keys", Text("\n".join(help_lines()))))

    def _asked(self, question: str, act: Callable[[str], str], what: str) -> None:
        def take(agreed: bool | None) -> None:
            if agreed:
                self._act(act, what)

        self.push_screen(Question(question), take)

    @work(thread=True, group="act")
    def _act(self, act: Callable[[str], str], what: str) -> None:
        try:
            self.call_from_thread(self.notify, act(what))
        except PipelineError as fault:
            self.call_from_thread(self.notify, f"{fault.message} {fault.advice}", severity="error")
        self._again.set()

    def _list(self, listing: Listing) -> None:
        self.listing = self._eye.listing = listing
        self.action_pane("documents")
        self._again.set()

    def _document(self) -> Line | None:
        """The row under the cursor, if it is about a document; else that is said."""
        table = self._focused()
        if table and table.line and table.line.document:
            return table.line
        self.notify("Go to a document first: 2, 3 or 4.", severity="warning")
        return None

    def _focused(self) -> Table | None:
        return self.focused if isinstance(self.focused, Table) else None

    def _table(self, name: str) -> Table:
        return self.query_one(f"#{name}", Table)
