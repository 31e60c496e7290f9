"""Whisper through CTranslate2 (faster-whisper): int8, one thread, on the CPU."""

import math
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.speech.windows import RATE, windows
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Engine, Page, Segment, Sound, Source

PACKAGED = "base"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
WINDOW = 600 * RATE  # samples read at once: what bounds the memory for a recording of any length
PAUSE_SECONDS = 2.0
# The detector misses hoarse and quiet voices: it decides only whether anyone speaks, and which long silences to skip.
SPEECH_THRESHOLD = 0.35
SILENCE_SECONDS = 20.0
MARGIN_SECONDS = 2.0
NOBODY = 0.6  # a piece with a greater chance of no speech is made up
BEAM = 5

SpeechDetector = Callable[[NDArray[np.float32]], list[tuple[int, int]]]


class WhisperSpeech:
    """Whisper; silence is left out by the Silero detector of faster-whisper, so that nothing is heard in it.

    Args:
        models: folder of prepared models.
        model: ``base`` (packaged), a folder of CTranslate2 weights, or a Hugging Face id, which is fetched once.

    Raises:
        Misconfigured: the weights are missing, wrong, or not what this engine can load.
        ServiceUnavailable: weights named by a Hugging Face id cannot be fetched.
    """

    def __init__(self, models: Path, model: str = PACKAGED) -> None:
        folder = _weights(models, model)
        self._model, self._speech_in = _load(folder)
        self._name = model

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return self.description(self._name)

    @staticmethod
    def description(model: str = PACKAGED) -> Engine:
        """The same, said without loading the weights."""
        return Engine("whisper", version("faster-whisper"), f"{model} int8 beam {BEAM}")

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech (text "" for silence), and the language.

        The language is a code of ISO 639-1, "" where nothing was said.
        """
        samples = np.frombuffer(sound.samples[: len(sound.samples) // 2 * 2], "<i2")
        text, segments, language = "", list[Segment](), ""
        for start, window in windows(samples, WINDOW):
            heard, found = self._hear(window, language)
            for piece in heard:
                begin, end = start / RATE + piece.start, start / RATE + piece.end
                words = piece.text.strip()
                text += _break(segments, begin)
                segments.append(Segment(len(text), len(text) + len(words), begin, end, _confidence(piece)))
                text += words
                language = found
        confidence = _mean(segments)
        page = Page(number=1, text=text, source=Source.SPEECH, confidence=confidence, segments=tuple(segments))
        return page, language

    def _hear(self, window: NDArray[np.int16], language: str) -> tuple[list[Any], str]:
        """Pieces of speech with their times in the window, and the language; that of an earlier window is kept."""
        samples = (window / np.float32(32768)).astype(np.float32)
        clips = [moment / RATE for span in self._speech_in(samples) for moment in span]
        if not clips:
            return [], language
        pieces, about = self._model.transcribe(
            samples,
            language=language or None,
            beam_size=BEAM,
            # Not vad_filter: it cuts the pauses out, and Whisper then drops what follows a sentence's end.
            clip_timestamps=clips,
            condition_on_previous_text=False,  # else one slip repeats itself through the rest of the recording
        )
        return [p for p in pieces if p.text.strip() and p.no_speech_prob <= NOBODY], str(about.language)


def _break(segments: list[Segment], begin: float) -> str:
    if not segments:
        return ""
    return "\n" if begin - segments[-1].end_seconds >= PAUSE_SECONDS else " "


def _confidence(piece: Any) -> float:  # noqa: ANN401  # the library's own type would have to be imported
    """Mean probability of a token, less the chance that nothing was said."""
    return float(min(1.0, math.exp(piece.avg_logprob) * (1 - piece.no_speech_prob)))


def _mean(segments: list[Segment]) -> float:
    length = sum(segment.end - segment.start for segment in segments)
    return sum(s.confidence * (s.end - s.start) for s in segments) / length if length else 1.0


def _weights(models: Path, model: str) -> Path:
    """The folder that holds the weights."""
    if model == PACKAGED:
        return weight_files("whisper-base", models)["model.bin"].parent
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if not HUB_ID.fullmatch(model):
            raise Misconfigured(
                f"There are no speech weights {model!r}: set SPEECH_MODEL to {PACKAGED!r}, a folder, or a Hugging Face id.",
                "weights_missing",
            )
        folder = _fetched(model, models / "hub")
    missing = [name for name in ("model.bin", "tokenizer.json", "config.json") if not (folder / name).is_file()]
    if missing:
        raise Misconfigured(
            f"{folder} holds no CTranslate2 Whisper weights: {', '.join(missing)} missing.", "weights_missing"
        )
    return folder


def _fetched(model: str, cache: Path) -> Path:
    """The folder of a model of the Hugging Face hub; fetched unless that was done before."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    files = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]
    try:
        return Path(snapshot_download(model, cache_dir=cache, allow_patterns=files, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(snapshot_download(model, cache_dir=cache, allow_patterns=files))
    except RepositoryNotFoundError as fault:
        raise Misconfigured(f"The hub has no model {model!r}, or it is not open to you.", "weights_missing") from fault
    except OSError as fault:
        raise ServiceUnavailable(f"The weights {model!r} cannot be fetched: {fault}.") from fault


def _load(folder: Path) -> tuple[Any, SpeechDetector]:
    library, vad = _faster_whisper()
    try:
        model = library.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )
    except (RuntimeError, ValueError) as fault:
        raise Misconfigured(f"The speech weights in {folder} cannot be loaded: {fault}.", "weights_wrong") from fault
    options = vad.VadOptions(
        threshold=SPEECH_THRESHOLD,
        min_silence_duration_ms=round(SILENCE_SECONDS * 1000),
        speech_pad_ms=round(MARGIN_SECONDS * 1000),
    )

    def speech_in(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
        return [(span["start"], span["end"]) for span in vad.get_speech_timestamps(samples, options)]

    return model, speech_in


def _faster_whisper() -> tuple[Any, Any]:
    """The library and its detector of speech, without PyAV.

    It imports PyAV to decode files, and PyAV's wheels bundle x264 and x265, which are under the GPL. Sound arrives here
    decoded, so an empty module stands in for PyAV while the library is imported, and PyAV need not be installed.
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
