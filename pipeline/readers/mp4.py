"""AAC frames out of an MP4 file (ISO 14496-12, -14), each with the ADTS header (ISO 14496-3) that decoders want."""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

import numpy as np

Data = bytes | mmap.mmap

_INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_AAC_LC = 2
_TABLES = {b"hdlr", b"stsd", b"stsz", b"stsc", b"stco", b"co64"}
_MAX_BOXES = 10_000
_MAX_FRAME = 8000


class NotAac(ValueError):
    """The file holds no sound track in AAC, or is damaged."""


@dataclass(frozen=True, slots=True)
class _Track:
    """Where the frames of a track lie, and how they are coded."""

    frequency: int
    channels: int
    offsets: list[int]
    sizes: list[int]


def adts(data: Data, frames_at_once: int) -> Iterator[bytes]:
    """Yield the first sound track, so many frames at once, ready to be decoded.

    Raises:
        NotAac: there is none, or its tables do not fit the file.
    """
    try:
        track = _sound_track(data)
    except (struct.error, IndexError, KeyError, ValueError) as fault:
        raise NotAac(str(fault)) from fault
    if not track.sizes and data.find(b"moof") >= 0:
        raise NotAac("a stream cut into fragments")
    frames = zip(track.offsets, track.sizes, strict=True)
    while chunk := list(islice(frames, frames_at_once)):
        yield b"".join(
            _header(track, size) + data[at : at + size] for at, size in chunk if size < _MAX_FRAME and at + size <= len(data)
        )


def _header(track: _Track, size: int) -> bytes:
    """Seven bytes before a frame: MPEG-4, AAC-LC, no checksum."""
    coding = (_AAC_LC - 1) << 6 | track.frequency << 2 | track.channels >> 2
    rest = (track.channels & 3) << 30 | (size + 7) << 13 | 0x7FF << 2
    return b"\xff\xf1" + bytes([coding]) + struct.pack(">I", rest)


def _boxes(data: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box, in file order, going into those that matter here."""
    waiting = [(start, end)]
    for _ in range(_MAX_BOXES):
        while waiting and waiting[-1][1] - waiting[-1][0] < 8:
            waiting.pop()
        if not waiting:
            return
        at, limit = waiting.pop()
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        stop = limit if size == 0 else min(at + size, limit)
        if stop < at + head:
            return
        waiting.append((stop, limit))
        yield kind, at + head, stop
        if kind in _INSIDE:
            waiting.append((at + head, stop))


def _sound_track(data: Data) -> _Track:
    """The tables of the first track whose handler is sound."""
    tables: dict[bytes, bytes] = {}
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"trak":
            tables = {}
        elif kind in _TABLES:
            tables.setdefault(kind, data[start:end])
            if _complete(tables):
                return _track(tables)
    raise NotAac("no sound track")


def _complete(tables: dict[bytes, bytes]) -> bool:
    is_sound = b"hdlr" in tables and tables[b"hdlr"][8:12] == b"soun"
    return is_sound and {b"stsd", b"stsz", b"stsc"} <= tables.keys() and bool({b"stco", b"co64"} & tables.keys())


def _track(tables: dict[bytes, bytes]) -> _Track:
    frequency, channels = _coding(tables[b"stsd"])
    sizes = _sizes(tables[b"stsz"])
    chunks = _numbers(tables[b"co64"], ">u8", 8) if b"co64" in tables else _numbers(tables[b"stco"], ">u4", 8)
    offsets = _offsets(chunks, _numbers(tables[b"stsc"], ">u4", 8, columns=3), sizes)
    return _Track(frequency, channels, offsets, sizes[: len(offsets)])


def _numbers(table: bytes, kind: str, head: int, columns: int = 1) -> list[int]:
    (count,) = struct.unpack_from(">I", table, head - 4)
    room = (len(table) - head) // np.dtype(kind).itemsize
    values: list[int] = np.frombuffer(table, kind, min(count * columns, room), head).tolist()
    return values


def _sizes(table: bytes) -> list[int]:
    same, count = struct.unpack_from(">II", table, 4)
    return [same] * min(count, 1 << 24) if same else _numbers(table, ">u4", 12)


def _offsets(chunks: list[int], runs: list[int], sizes: list[int]) -> list[int]:
    """Place of each frame: chunks of frames, whose counts are given by (first chunk, frames a chunk, description)."""
    offsets: list[int] = []
    firsts, counts = runs[0::3], runs[1::3]
    run = 0
    for number, at in enumerate(chunks, 1):
        while run + 1 < len(firsts) and firsts[run + 1] <= number:
            run += 1
        inside = sizes[len(offsets) : len(offsets) + counts[run]]
        offsets += accumulate(inside[:-1], initial=at) if inside else ()
    return offsets


def _coding(table: bytes) -> tuple[int, int]:
    """Frequency index and channel count of the first sample description, from its AudioSpecificConfig."""
    if table[12:16] != b"mp4a":
        raise NotAac("another codec")
    at = table.index(b"esds") + 8
    at = _descriptor(table, at, 0x03)
    at += 3 + (2 if table[at + 2] & 0x80 else 0)
    at = _descriptor(table, at, 0x04)
    if table[at] != 0x40:
        raise NotAac("another codec")
    at = _descriptor(table, at + 13, 0x05)
    (bits,) = struct.unpack_from(">H", table, at)
    frequency, channels = bits >> 7 & 0xF, bits >> 3 & 0xF
    if bits >> 11 not in {_AAC_LC, 5, 29} or frequency > 12 or not 0 < channels < 8:
        raise NotAac("another kind of AAC")
    return frequency, channels


def _descriptor(data: bytes, at: int, tag: int) -> int:
    """Start of the content of the descriptor at ``at``, whose length takes one to four bytes."""
    if data[at] != tag:
        raise NotAac("damaged description")
    at += 1
    while data[at] & 0x80:
        at += 1
    return at + 1
