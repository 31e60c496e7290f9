"""What opens over the panes: a question, a line to fill in, a page to read."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class Question(ModalScreen[bool]):
    """Asks for yes or no; anything but yes is no."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "dismiss(True)", "yes"), ("n,escape,enter,q", "dismiss(False)", "no")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:  # noqa: D102
        with Vertical(classes="dialog"):
            yield Static(Text(f"{self._question}\n\ny yes   n no"))


class Ask(ModalScreen[str | None]):
    """Asks for a line; None: it was left as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "leave")]

    def __init__(self, question: str, value: str) -> None:
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:  # noqa: D102
        with Vertical(classes="dialog"):
            yield Static(Text(self._question))
            yield Input(self._value)

    def on_input_submitted(self, event: Input.Submitted) -> None:  # noqa: D102
        self.dismiss(event.value.strip())


class Reading(ModalScreen[None]):
    """A page to read; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss", "close")]

    def __init__(self, title: str, text: Text) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:  # noqa: D102
        with VerticalScroll(classes="page") as page:
            page.border_title = self._title
            page.border_subtitle = "escape closes"
            yield Static(self._text)
