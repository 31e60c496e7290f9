"""Whisper through CTranslate2 (faster-whisper): int8, one thread, on the CPU."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.speech.hearing import (
    BEAM,
    VERSION,
    Piece,
    confidence,
    faster_whisper,
    heard_page,
    made_up,
    speech_detector,
)
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Engine, Page, Sound

PACKAGED = "base"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


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
        self._model = _load(_weights(models, model))
        self._speech_in = speech_detector()
        self._name = model

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return self.description(self._name)

    @staticmethod
    def description(model: str = PACKAGED) -> Engine:
        """The same, said without loading the weights."""
        return Engine("whisper", f"{version('faster-whisper')}/{VERSION}", f"{model} int8 beam {BEAM}")

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech (text "" for silence), and the language.

        The language is a code of ISO 639-1, "" where nothing was said.
        """
        return heard_page(sound, self._speech_in, self._hear)

    def _hear(self, samples: NDArray[np.float32], clips: list[float], language: str) -> tuple[list[Piece], str]:
        pieces, about = self._model.transcribe(
            samples,
            language=language or None,
            beam_size=BEAM,
            # Not vad_filter: it cuts the pauses out, and Whisper then drops what follows a sentence's end.
            clip_timestamps=clips,
            condition_on_previous_text=False,  # else one slip repeats itself through the rest of the recording
        )
        said = (p for p in pieces if not made_up(p.text, p.no_speech_prob, p.avg_logprob))
        found = [Piece(p.start, p.end, p.text.strip(), confidence(p.avg_logprob, p.no_speech_prob)) for p in said]
        return found, str(about.language)


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


def _load(folder: Path) -> Any:  # noqa: ANN401  # the library's own type would have to be imported
    library, _ = faster_whisper()
    try:
        return library.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )
    except (RuntimeError, ValueError) as fault:
        raise Misconfigured(f"The speech weights in {folder} cannot be loaded: {fault}.", "weights_wrong") from fault
