"""Whisper in PyTorch (the package openai-whisper, extra ``torch``): for graphics cards, and for checkpoints of one's own."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.speech.hearing import BEAM, VERSION, Piece, confidence, heard_page, made_up, speech_detector
from pipeline.engines.speech.windows import RATE
from pipeline.engines.torch_device import chosen, imported, installed
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Engine, Page, Sound

PACKAGE = "openai-whisper"


class OpenAIWhisperSpeech:
    """Implements ``ports.SpeechEngine``. Thread-safe; one recording at a time.

    Args:
        models: folder of prepared models; a model that is named is fetched there, once.
        model: ``tiny``, ``base``, ``small`` … as the package names them, or a checkpoint file of its kind.
        device: ``auto`` (a graphics card if there is one) or ``cpu``.

    Raises:
        Misconfigured: the extra is not installed (``engine_missing``), or there is no such model.
        ServiceUnavailable: a model that is named cannot be fetched.
    """

    def __init__(self, models: Path, model: str, device: str = "auto") -> None:
        self._library = imported("whisper", PACKAGE)
        self._torch = imported("torch", "torch")
        self._device = chosen(device)
        self._name = model
        self._model = self._load(models)
        self._speech_in = speech_detector()
        self._alone = threading.Lock()  # while it decodes, the model carries the state of one recording

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""
        return self.description(self._name)

    @staticmethod
    def description(model: str) -> Engine:
        """The same, said without loading the weights."""
        return Engine(PACKAGE, f"{installed(PACKAGE)}/{VERSION}", f"{Path(model).name} beam {BEAM}")

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech (text "" for silence), and the language.

        The language is a code of ISO 639-1, "" where nothing was said.
        """
        with self._alone:
            return heard_page(sound, self._speech_in, self._hear)

    def _hear(self, samples: NDArray[np.float32], clips: list[float], language: str) -> tuple[list[Piece], str]:
        self._torch.manual_seed(0)  # hard passages are sampled: the same recording gives the same text
        language = language or self._language(samples[int(clips[0] * RATE) :])
        found = self._library.transcribe(
            self._model,
            samples,
            language=language,
            beam_size=BEAM,
            clip_timestamps=clips,
            condition_on_previous_text=False,  # else one slip repeats itself through the rest of the recording
            fp16=self._device == "cuda",
        )
        said = (p for p in found["segments"] if not made_up(p["text"], p["no_speech_prob"], p["avg_logprob"]))
        return list(_pieces(said, len(samples) / RATE)), language

    def _language(self, samples: NDArray[np.float32]) -> str:
        """By where somebody speaks first; left to itself, the library judges by the first half minute, speech or not."""
        if not self._model.is_multilingual:
            return "en"
        model, library = self._model, self._library
        sound = library.log_mel_spectrogram(library.pad_or_trim(samples), model.dims.n_mels).to(model.device)
        _, chances = model.detect_language(sound)
        return str(max(chances, key=chances.get))

    def _load(self, models: Path) -> Any:  # noqa: ANN401 - the library has no types
        path = Path(self._name).expanduser()
        if self._name not in self._library.available_models() and not path.is_file():
            raise Misconfigured(
                f"There is no speech model {self._name!r}: set SPEECH_MODEL to one of "
                f"{', '.join(self._library.available_models())}, or to a checkpoint file.",
                "weights_missing",
            )
        known = self._name if self._name in self._library.available_models() else str(path)
        try:
            return self._library.load_model(known, self._device, str(models / "whisper"))
        except URLError as fault:
            raise ServiceUnavailable(f"The speech model {self._name!r} cannot be fetched: {fault.reason}.") from fault
        except (RuntimeError, KeyError, TypeError, EOFError, UnpicklingError) as fault:
            raise Misconfigured(
                f"{self._name} is no checkpoint of {PACKAGE} that can be loaded: {fault}.", "weights_wrong"
            ) from fault


def _pieces(said: Iterable[dict[str, Any]], length: float) -> Iterator[Piece]:
    """Times lie within the recording; the library also hears the silence that it adds."""
    for piece in said:
        start, end = (min(float(piece[at]), length) for at in ("start", "end"))
        if end > start:
            yield Piece(start, end, piece["text"].strip(), confidence(piece["avg_logprob"], piece["no_speech_prob"]))
