"""The keys of the live monitor: bindings, help and documentation come from this one list."""

from typing import NamedTuple


class Key(NamedTuple):
    """A key, the action that it calls, its word in the last line ("": not shown there), and what it does."""

    key: str
    action: str
    word: str
    help: str


KEYS = (
    Key("1", "pane('queues')", "", "go to the queues"),
    Key("2", "pane('workers')", "", "go to the workers"),
    Key("3", "pane('documents')", "", "go to the documents"),
    Key("4", "pane('failures')", "", "go to what failed lately"),
    Key("s", "state", "state", "list documents in another state: moving, pending, failed, cancelled, completed"),
    Key("slash", "text", "find", "list documents whose path has a text in it; nothing: all"),
    Key("p", "project", "", "look at one project alone; nothing: all"),
    Key("enter", "history", "history", "show what was done to the document under the cursor"),
    Key("r", "retry", "retry", "queue the document under the cursor again, from the step where it stopped"),
    Key("c", "cancel", "cancel", "stop the document under the cursor, after asking"),
    Key("space", "pause", "pause", "let the queue under the cursor stand still, after asking, or go on"),
    Key("w", "condition", "well?", "show all that is not well, what is waited for, and the servers"),
    Key("question_mark", "keys", "keys", "show this list"),
    Key("q", "quit", "quit", "end"),
)
SHOWN = {"slash": "/", "question_mark": "?"}
"""How keys are written that are not written as they are called."""


def help_lines() -> list[str]:
    """A line a key."""
    return [f"{SHOWN.get(each.key, each.key):<6} {each.help}" for each in KEYS]
