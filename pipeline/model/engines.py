"""What engines and paid services are, and what they used."""

from typing import NamedTuple


class Engine(NamedTuple):
    """What a result was made by: part of the fingerprint of a step."""

    name: str
    version: str
    options: str = ""


class Usage(NamedTuple):
    """What one paid call used."""

    endpoint: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    pages: int = 0
    audio_seconds: float = 0.0


class Booking(NamedTuple):
    """A turn at a service with limits: where it was booked, and for how many tokens."""

    endpoint: str
    slot: int
    tokens: int


class ObjectPlace(NamedTuple):
    """Where a file lies in a bucket of S3."""

    bucket: str
    key: str
