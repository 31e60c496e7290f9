"""Where a page of a list ends, as a word that leads to the next one."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from pipeline.api.problems import Problem


def cursor(*place: object) -> str:
    """A place in a list as a word."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(word: str, *parts: Callable[[Any], object]) -> tuple[Any, ...]:
    """The place that a word stands for, each part made by its function, which raises ``ValueError`` or ``TypeError``.

    Raises:
        Problem: the word is none of ours.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
        return tuple(part(each) for part, each in zip(parts, place, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Problem(422, "This is no cursor.", "bad_cursor", "Take next_cursor of the page before.") from None


def number(value: object) -> int:
    """A whole number that the database can hold."""
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError
    return value


def text(value: object) -> str:
    """Text that the database can hold."""
    if not isinstance(value, str) or "\0" in value or any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise ValueError
    return value
