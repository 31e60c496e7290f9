"""Recordings read by a hosted model: OpenAI's Whisper and what speaks like it."""

import io
import json
import math
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.engines.remote.calling import Caller, fingerprint_of
from pipeline.engines.remote.languages import code_of
from pipeline.engines.speech.windows import RATE, windows
from pipeline.errors import ServiceUnavailable
from pipeline.model import Engine, Page, Segment, Sound, Source, Usage

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = "1"
WINDOW = 600 * RATE
"""Samples in one call: 19 MB as a WAV file, where services take 25."""
QUIET = 90.0
"""Root mean square of samples (of 32,768) below which nobody speaks: hosted models hear words in silence, and cost."""
MOMENT = RATE // 2
PAUSE_SECONDS = 2.0
NOBODY = 0.6
"""A segment with a greater chance of no speech is made up."""
UNSAID = 0.7
"""Confidence of a segment that the service gives no probability for."""


class RemoteSpeech:
    """Implements ``ports.SpeechEngine``. Thread-safe.

    Args:
        caller: of the model's endpoint.
        times: ask for ``verbose_json``, which whisper-1 knows; off for models that give the text alone: a stretch of up to
            ten minutes is one segment then.
    """

    def __init__(self, caller: Caller, *, times: bool = True) -> None:
        self._caller = caller
        self._times = times

    @property
    def engine(self) -> Engine:
        """Name, model and options, for fingerprints."""
        return self.description(self._caller.endpoint.model, times=self._times)

    @staticmethod
    def description(model: str, *, times: bool = True) -> Engine:
        """The same, said without a client."""
        return Engine("remote-speech", f"{VERSION}/{model}", "" if times else "text alone")

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech (text "" for silence), and the language ("" if not known).

        Raises:
            ServiceUnavailable: the service does not answer; stretches that were read are not paid for again.
            Misconfigured: a wrong key, model, address or right.
        """
        samples = np.frombuffer(sound.samples[: len(sound.samples) // 2 * 2], "<i2")
        text, segments, language = "", list[Segment](), ""
        for start, window in windows(samples, WINDOW):
            heard = self._hear(window, language) if _audible(window) else {}
            for begin, end, words, confidence in _said(heard, len(window) / RATE):
                begin, end = begin + start / RATE, end + start / RATE
                text += _break(segments, begin)
                segments.append(Segment(len(text), len(text) + len(words), begin, end, confidence))
                text += words
            language = language or code_of(heard.get("language"))
        page = Page(1, text, Source.SPEECH, _mean(segments), segments=tuple(segments))
        return page, language if segments else ""

    def probe(self) -> str:
        """Ask whether the service has the model; nothing is heard, so nothing is paid for.

        Raises:
            PipelineError: as ``transcribe``.
        """
        endpoint = self._caller.endpoint
        nothing = Usage(endpoint.name, endpoint.model)
        self._caller.call(lambda client: client.models.retrieve(endpoint.model), None, lambda _: nothing)
        return f"{endpoint.model} at {endpoint.base_url} is there"

    def _hear(self, window: "NDArray[np.int16]", language: str) -> dict[str, Any]:
        file = _wav(window)
        model = self._caller.endpoint.model
        fingerprint = fingerprint_of("speech", VERSION, model, language, str(self._times), file)
        return _object(self._caller.remembered(fingerprint, lambda: self._asked(file, len(window) / RATE, language)))

    def _asked(self, file: bytes, seconds: float, language: str) -> str:
        endpoint = self._caller.endpoint
        more: dict[str, Any] = {"language": language} if language else {}
        more |= {"timestamp_granularities": ["segment"]} if self._times else {}
        use = Usage(endpoint.name, endpoint.model, audio_seconds=seconds)
        answer = self._caller.call(
            lambda client: client.audio.transcriptions.create(
                model=endpoint.model,
                file=("recording.wav", file, "audio/wav"),
                response_format="verbose_json" if self._times else "json",
                temperature=0,
                **more,
            ),
            use,
            lambda _: use,
        )
        if not isinstance(getattr(answer, "text", None), str):
            raise ServiceUnavailable(f"{endpoint.name} answered with something that is no answer.", "bad_answer")
        return str(answer.model_dump_json())


def _object(answer: str) -> dict[str, Any]:
    return dict(json.loads(answer))


def _said(heard: dict[str, Any], length: float) -> list[tuple[float, float, str, float]]:
    """Begin and end in seconds, words, and confidence of each segment; of the whole where there are none."""
    segments = heard.get("segments")
    if segments is None:
        segments = [{"start": 0.0, "end": length, "text": heard.get("text", "")}]
    found = []
    for segment in segments:
        words, begin = segment["text"].strip(), min(max(float(segment["start"]), 0.0), length)
        end = min(max(float(segment["end"]), begin), length)
        if words and end > begin and (segment.get("no_speech_prob") or 0.0) <= NOBODY:
            found.append((begin, end, words, _confidence(segment)))
    return found


def _confidence(segment: dict[str, Any]) -> float:
    """Mean probability of a token, less the chance that nothing was said."""
    if (mean := segment.get("avg_logprob")) is None:
        return UNSAID
    return float(min(1.0, math.exp(mean) * (1 - (segment.get("no_speech_prob") or 0.0))))


def _audible(window: "NDArray[np.int16]") -> bool:
    """Whether anything in it is louder than the noise of a room."""
    moments = window[: len(window) // MOMENT * MOMENT].reshape(-1, MOMENT) if len(window) >= MOMENT else window[None, :]
    return bool(np.sqrt(np.square(moments.astype(np.float32)).mean(axis=1)).max() > QUIET)


def _wav(window: "NDArray[np.int16]") -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, len(window), "NONE", ""))
        file.writeframes(window.astype("<i2").tobytes())
    return out.getvalue()


def _break(segments: list[Segment], begin: float) -> str:
    if not segments:
        return ""
    return "\n" if begin - segments[-1].end_seconds >= PAUSE_SECONDS else " "


def _mean(segments: list[Segment]) -> float:
    length = sum(segment.end - segment.start for segment in segments)
    return sum(s.confidence * (s.end - s.start) for s in segments) / length if length else 1.0
