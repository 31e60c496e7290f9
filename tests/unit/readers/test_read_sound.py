import io

import numpy as np
import pytest
import soundfile

from pipeline.errors import BadDocument
from pipeline.model import Sound
from tests import reader_files as files
from tests.reader_files import Reading


def pitch(sound: Sound) -> float:
    """The loudest frequency, in Hz."""
    samples = np.frombuffer(sound.samples, "<i2").astype(float)
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / len(samples))


def encoded(kind: str, subtype: str) -> bytes:
    moments = np.arange(24_000) / 48_000
    out = io.BytesIO()
    soundfile.write(out, np.sin(2 * np.pi * 440 * moments) * 0.5, 48_000, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
)
def test_every_container_gives_the_same_sound(reading: Reading, kind: str, subtype: str) -> None:
    info, sound = reading(encoded(kind, subtype))
    assert info.media_type.startswith("audio/")
    assert len(sound.samples) / 32_000 == pytest.approx(0.5, abs=0.1)
    assert pitch(sound) == pytest.approx(440, abs=12)


def test_aac_in_mp4(reading: Reading) -> None:
    _, sound = reading(files.M4A, "note.m4a")
    assert len(sound.samples) / 32_000 == pytest.approx(0.3, abs=0.15)
    assert pitch(sound) == pytest.approx(440, abs=12)


def test_two_channels_become_one(reading: Reading) -> None:
    sound = reading(files.tone(0.5, 44_100, channels=2))[1]
    assert len(sound.samples) == pytest.approx(16_000, abs=40)
    assert pitch(sound) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (files.tone(0), "empty_recording"),
        (files.tone()[:30], "damaged"),
        (files.M4A[:200], "damaged"),
        (files.M4A.replace(b"mp4a", b"alac"), "damaged"),
        (b"OggS" + bytes(100), "damaged"),
        (b"\xff\xf1\x60\x40" + bytes(100), "damaged"),
    ],
)
def test_bad_recordings_are_named(reading: Reading, content: bytes, code: str) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(content)
    assert caught.value.code == code


def test_a_recording_may_not_be_too_long(reading: Reading) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(files.tone(2.5), sound_seconds=2)
    assert caught.value.code == "too_large"
