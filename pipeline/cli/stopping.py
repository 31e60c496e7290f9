"""A stop that waits for what must not be torn apart."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undivided() -> Iterator[None]:
    """Put off a stop until the end of the block, so that what was done is also counted; a second one stops at once.

    For the main thread.

    Raises:
        KeyboardInterrupt: somebody wanted to stop.
    """
    wanted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if wanted:
            raise KeyboardInterrupt
        wanted.append(number)

    heard = [each for each in STOPS if signal.getsignal(each) != signal.SIG_IGN]  # the rest stays ignored
    before = {each: signal.signal(each, note) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if wanted:
        raise KeyboardInterrupt
