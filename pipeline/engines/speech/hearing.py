"""What all Whisper engines of this machine have in common: silence is left out, and pieces of speech become a page."""

import math
import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.speech.windows import RATE, windows
from pipeline.errors import Misconfigured
from pipeline.model import Page, Segment, Sound, Source

WINDOW = 600 * RATE  # samples read at once: what bounds the memory for a recording of any length
PAUSE_SECONDS = 2.0
# The detector misses hoarse and quiet voices: it decides only whether anyone speaks, and which long silences to skip.
SPEECH_THRESHOLD = 0.35
SILENCE_SECONDS = 20.0
MARGIN_SECONDS = 2.0
NOBODY, UNSURE = 0.6, -0.6
"""A piece with a greater chance of no speech, and a lower mean log probability, is made up.

Measured: speech with a cold, or said six times over, has chances up to .65 and -.38 or more; what tones and noise made the
model say has -.76 or less.
"""
BEAM = 5
VERSION = "2"
"""Raise it when the same weights would give another text."""

SpeechDetector = Callable[[NDArray[np.float32]], list[tuple[int, int]]]


class Piece(NamedTuple):
    """Words that were heard, with times in seconds from the window's start."""

    start: float
    end: float
    words: str
    confidence: float


Hear = Callable[[NDArray[np.float32], list[float], str], tuple[list[Piece], str]]
"""Samples of a window, where speech begins and ends in it (seconds), and the language so far → pieces, and the language."""


def heard_page(sound: Sound, speech_in: SpeechDetector, hear: Hear) -> tuple[Page, str]:
    """The page of a recording, with a segment for each piece, and its language: "" where nothing was said."""
    samples = np.frombuffer(sound.samples[: len(sound.samples) // 2 * 2], "<i2")
    text, segments, language = "", list[Segment](), ""
    for start, window in windows(samples, WINDOW):
        loud = (window / np.float32(32768)).astype(np.float32)
        clips = [moment / RATE for span in speech_in(loud) for moment in span]
        pieces, found = hear(loud, clips, language) if clips else ([], language)
        for piece in pieces:
            begin, end = start / RATE + piece.start, start / RATE + piece.end
            text += _break(segments, begin)
            segments.append(Segment(len(text), len(text) + len(piece.words), begin, end, piece.confidence))
            text += piece.words
            language = found
    return Page(number=1, text=text, source=Source.SPEECH, confidence=_mean(segments), segments=tuple(segments)), language


def made_up(words: str, silence: float, mean_log_probability: float) -> bool:
    """Whether nobody said the words: the chance that nothing was said, and the mean log probability of a token."""
    return not any(map(str.isalnum, words)) or (silence > NOBODY and mean_log_probability < UNSURE)


def confidence(mean_log_probability: float, silence: float) -> float:
    """Mean probability of a token, less the chance that nothing was said."""
    return float(min(1.0, math.exp(mean_log_probability) * (1 - silence)))


def speech_detector() -> SpeechDetector:
    """Tells where somebody speaks, in samples: the Silero detector that comes with faster-whisper.

    Raises:
        Misconfigured: it is not installed.
    """
    _, vad = faster_whisper()
    options = vad.VadOptions(
        threshold=SPEECH_THRESHOLD,
        min_silence_duration_ms=round(SILENCE_SECONDS * 1000),
        speech_pad_ms=round(MARGIN_SECONDS * 1000),
    )

    def speech_in(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
        return [(span["start"], span["end"]) for span in vad.get_speech_timestamps(samples, options)]

    return speech_in


def faster_whisper() -> tuple[Any, Any]:
    """The library and its detector of speech, without PyAV.

    It imports PyAV to decode files, and PyAV's wheels bundle x264 and x265, which are under the GPL. Sound arrives here
    decoded, so an empty module stands in for PyAV while the library is imported, and PyAV need not be installed.

    Raises:
        Misconfigured: it is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    stand_in = ModuleType("av")
    real = sys.modules.get("av")
    sys.modules["av"] = stand_in
    try:
        ctranslate2 = import_module("ctranslate2")
        library, vad = import_module("faster_whisper"), import_module("faster_whisper.vad")
    except ImportError as fault:
        raise Misconfigured(f"Whisper cannot be loaded: {fault}. pip install faster-whisper", "engine_missing") from fault
    finally:
        if real is None:
            sys.modules.pop("av", None)
        else:
            sys.modules["av"] = real
    ctranslate2.set_random_seed(0)  # hard passages are sampled: the same recording gives the same text
    return library, vad


def _break(segments: list[Segment], begin: float) -> str:
    if not segments:
        return ""
    return "\n" if begin - segments[-1].end_seconds >= PAUSE_SECONDS else " "


def _mean(segments: list[Segment]) -> float:
    length = sum(segment.end - segment.start for segment in segments)
    return sum(s.confidence * (s.end - s.start) for s in segments) / length if length else 1.0
