"""A long recording in stretches that an engine takes at once, cut where it is quiet."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SEARCH = 30 * RATE  # a window ends at the quietest moment of its last half minute
MOMENT = RATE // 2


def windows(samples: NDArray[np.int16], longest: int) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Stretches of at most ``longest`` samples, each with where it starts."""
    start = 0
    while start < len(samples):
        window = samples[start : start + longest]
        if start + longest < len(samples):
            window = window[: _quietest(window)]
        yield start, window
        start += len(window)


def _quietest(window: NDArray[np.int16]) -> int:
    """The middle of the quietest half second near the window's end, in samples."""
    tail = window[-SEARCH:].astype(np.float32)
    loudness = np.square(tail[: len(tail) // MOMENT * MOMENT]).reshape(-1, MOMENT).mean(axis=1)
    return len(window) - len(tail) + int(loudness.argmin()) * MOMENT + MOMENT // 2
