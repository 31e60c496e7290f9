"""Files that do something to the process that reads them, as the first word of their name says."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.model import Engine, ReadEvent
from pipeline.ports import Reader
from pipeline.wiring import Services


def _die(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _loop() -> None:
    """As a loop in C: neither the soft time limit nor a polite signal ends it."""
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(0.01)


DEEDS: dict[str, Callable[[], None]] = {
    "killed": lambda: _die(signal.SIGKILL),
    "segfault": lambda: _die(signal.SIGSEGV),
    "loop": _loop,
    "slow": lambda: time.sleep(8),
    "endless": lambda: time.sleep(3600),
}


class Deadly:
    """A reader of such files."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def engine(self) -> Engine:
        return self._reader.engine

    def read(self, path: Path, name: str, *options: Any) -> Iterator[ReadEvent]:  # noqa: ANN401  # handed on
        DEEDS.get(name.partition("-")[0], lambda: None)()
        yield from self._reader.read(path, name, *options)

    def close(self) -> None:
        self._reader.close()


_reader = vars(Services)["reader"].func
Services.reader = cached_property(lambda use: Deadly(_reader(use)))  # type: ignore[assignment]  # what a fault is for
Services.reader.__set_name__(Services, "reader")  # type: ignore[attr-defined]
