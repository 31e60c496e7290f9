"""What engines and paid services are, and what they used."""

from collections.abc import Mapping
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


Prices = Mapping[str, Mapping[str, float]]
"""Of each model: ``input`` and ``output``, of a million tokens; ``page``; ``minute``. What is not named costs nothing.

``batch``: the share of it that is paid in a batch, half unless it is named.
"""
IN_BATCHES = ":batch"
"""Behind the name of a model that is asked in batches."""
HALF = 0.5


def cost_of(usage: Usage, prices: Prices) -> float | None:
    """What it costs; None: the model has no price."""
    price, share = prices.get(usage.model), 1.0
    if price is None and usage.model.endswith(IN_BATCHES):
        price = prices.get(usage.model.removesuffix(IN_BATCHES))
        share = HALF if price is None else price.get("batch", HALF)
    if price is None:
        return None
    tokens = price.get("input", 0.0) * usage.input_tokens + price.get("output", 0.0) * usage.output_tokens
    pages, minutes = price.get("page", 0.0) * usage.pages, price.get("minute", 0.0) * usage.audio_seconds / 60
    return share * (tokens / 1_000_000 + pages + minutes)


class Booking(NamedTuple):
    """A turn at a service with limits: where it was booked, and for how many tokens."""

    endpoint: str
    slot: int
    tokens: int


class ObjectPlace(NamedTuple):
    """Where a file lies in a bucket of S3."""

    bucket: str
    key: str
