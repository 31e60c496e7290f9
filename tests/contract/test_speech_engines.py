"""What every speech engine must do, on a sentence spoken by a synthesiser and on silence made here.

That of the extra ``torch`` is left out where the extra is not installed. It is not in CI, where several GB have no place.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.engines.remote.speech import RemoteSpeech
from pipeline.engines.speech.openai_whisper import OpenAIWhisperSpeech
from pipeline.engines.speech.whisper import WhisperSpeech
from pipeline.engines.weights import weight_files
from pipeline.model import Sound, Source
from pipeline.ports import SpeechEngine
from tests.office import TestOffice
from tests.standins.openai import Behaviour, OpenAIStandIn
from tests.whisper_checkpoint import write_checkpoint

# openai-whisper leaves its table of tokens open
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RATE = 16_000
SPOKEN = Path(__file__).parents[1] / "data" / "spoken.flac"


@pytest.fixture(scope="module", params=["whisper", "remote", "openai-whisper"])
def engine(request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeechEngine]:
    if request.param == "openai-whisper":
        pytest.importorskip("whisper", reason="the extra torch is not installed")
        checkpoint = write_checkpoint(
            weight_files("whisper-base", models)["model.bin"], tmp_path_factory.mktemp("torch") / "base.pt"
        )
        yield OpenAIWhisperSpeech(models, str(checkpoint), "cpu")
        return
    whisper = WhisperSpeech(models)
    if request.param == "whisper":
        yield whisper
        return
    with OpenAIStandIn(Behaviour(ears=lambda file: heard(whisper, file))) as standin:
        yield RemoteSpeech(TestOffice().caller(standin, timeout=120.0))


def heard(whisper: WhisperSpeech, file: bytes) -> dict[str, Any]:
    """What the hosted service answers: the stand-in listens with the local engine."""
    samples, rate = soundfile.read(io.BytesIO(file), dtype="int16")
    assert rate == RATE
    page, language = whisper.transcribe(Sound(samples.astype("<i2").tobytes()))
    times = ("start", "end", "text", "avg_logprob", "no_speech_prob")
    said = [
        dict(zip(times, (s.begin_seconds, s.end_seconds, page.text[s.start : s.end], -0.2, 0.0), strict=True))
        for s in page.segments
    ]
    return {"text": page.text, "language": {"en": "english"}.get(language, ""), "segments": said}


@pytest.fixture(scope="module")
def spoken() -> bytes:
    samples, rate = soundfile.read(SPOKEN, dtype="int16")
    assert rate == RATE
    return bytes(samples.astype("<i2").tobytes())


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * RATE) * 2)


def noise(seconds: float) -> bytes:
    return np.random.default_rng(1).normal(0, 60, int(seconds * RATE)).astype("<i2").tobytes()


def test_hears_a_sentence(engine: SpeechEngine, spoken: bytes) -> None:
    page, language = engine.transcribe(Sound(spoken))
    assert {"meeting", "robert", "geneva", "monday"} <= set(page.text.lower().replace(".", "").split())
    assert language == "en"
    assert page.source == Source.SPEECH
    assert 0 < page.confidence <= 1


def test_what_is_said_again_and_again_is_no_silence(engine: SpeechEngine, spoken: bytes) -> None:
    page, _ = engine.transcribe(Sound(spoken * 6))
    assert "geneva" in page.text.lower()


def test_segments_say_where_and_when(engine: SpeechEngine, spoken: bytes) -> None:
    page, _ = engine.transcribe(Sound(silence(40) + spoken))
    assert page.segments
    assert "".join(page.text[s.start : s.end] for s in page.segments).replace(" ", "") == page.text.replace(" ", "").replace(
        "\n", ""
    )
    assert 37 <= page.segments[0].begin_seconds < page.segments[-1].end_seconds <= 40 + len(spoken) / 2 / RATE + 0.5
    assert all(s.begin_seconds < s.end_seconds and 0 <= s.confidence <= 1 for s in page.segments)


@pytest.mark.parametrize(
    "sound", [b"", b"\x00", silence(1), silence(45), noise(10)], ids=["none", "odd", "1s", "45s", "noise"]
)
def test_hears_nothing_in_silence(engine: SpeechEngine, sound: bytes) -> None:
    page, language = engine.transcribe(Sound(sound))
    assert (page.text, page.segments, language) == ("", (), "")


def test_says_what_it_is(engine: SpeechEngine) -> None:
    assert engine.engine.name
    assert engine.engine.version[0].isdigit()
