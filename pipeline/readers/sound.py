"""Recordings: any common container to mono, 16,000 samples a second.

libsndfile (through soundfile) decodes WAV, AIFF, FLAC, Ogg, Opus and MP3 block by block; Symphonia (through babycat, MIT)
decodes AAC, plain or in MP4. Neither is FFmpeg, whose ready-made builds hold GPL encoders.
"""

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from pipeline.model import DocumentInfo, ReadEvent, Sound
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits
from pipeline.readers.mp4 import NotAac, adts

RATE = 16_000
_BLOCK_SECONDS = 30
_WINDOW_FRAMES = 10_000  # of 1,024 samples: about four minutes
Blocks = Iterator[tuple[NDArray[np.float32], int]]


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent | None]:
    """Yield the whole recording as one ``Sound``; before that None from time to time, as a sign of life."""
    decoder: Callable[[Path], Blocks] = _by_symphonia if found.media_type in {"audio/mp4", "audio/aac"} else _by_sndfile
    samples = bytearray()
    for block in _resampled(decoder(path)):
        samples += block
        if len(samples) > limits.sound_seconds * RATE * 2:
            raise bad(
                Fault.TOO_LARGE, f"The recording is longer than {limits.sound_seconds / 3600:.1f} hours; cut it into parts."
            )
        yield None
    if not samples:
        raise bad(Fault.EMPTY_RECORDING)
    yield DocumentInfo(found.media_type, {"seconds": f"{len(samples) / 2 / RATE:.2f}"})
    yield Sound(bytes(samples))


def _resampled(blocks: Blocks) -> Iterator[bytes]:
    stream: soxr.ResampleStream | None = None
    for block, rate in blocks:
        if stream is None:
            stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
        yield _as_bytes(stream.resample_chunk(block))
    if stream is not None:
        yield _as_bytes(stream.resample_chunk(np.zeros(0, np.float32), last=True))


def _as_bytes(block: NDArray[np.float32]) -> bytes:
    return np.rint(np.clip(np.nan_to_num(block), -1, 1) * 32767).astype("<i2").tobytes()


def _by_sndfile(path: Path) -> Blocks:
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            while len(block := file.read(_BLOCK_SECONDS * rate, dtype="float32", always_2d=True)):
                yield block.mean(axis=1, dtype=np.float32), rate
    except (soundfile.SoundFileError, ValueError, TypeError) as fault:
        raise _unreadable() from fault


def _by_symphonia(path: Path) -> Blocks:
    """AAC, window by window: the library decodes what it is given as a whole, to 32-bit samples."""
    try:
        import babycat
    except ModuleNotFoundError as fault:  # it has no wheel for some platforms
        raise bad(
            Fault.UNSUPPORTED, "AAC and M4A recordings cannot be read on this machine; convert them to WAV."
        ) from fault
    try:
        for window in _aac(path):
            wave = babycat.Waveform.from_encoded_bytes(window)
            if wave.num_frames:
                yield wave.to_numpy().mean(axis=1, dtype=np.float32), wave.frame_rate_hz
    except (babycat.exceptions.BabycatError, NotAac) as fault:
        raise _unreadable() from fault


def _aac(path: Path) -> Iterator[bytes]:
    """ADTS frames; those of an MP4 file get their headers here."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[4:8] != b"ftyp":
            yield data[:]
            return
        yield from adts(data, _WINDOW_FRAMES)


def _unreadable() -> Exception:
    return bad(
        Fault.DAMAGED, "The recording is damaged or of a kind that cannot be decoded; convert it to WAV and submit that."
    )
