"""What the client library raises, in our words. Messages never hold the key, nor what the service says of it."""

import math
import re
import time
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.engines.remote.endpoint import Endpoint
from pipeline.errors import BadDocument, Misconfigured, PipelineError, Refused, ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import APIStatusError, OpenAIError

USUAL_PAUSE = 1.0
LONGEST_PAUSE = 3600.0
SAID = 200
"""Characters of a service's own words that are passed on."""
OPTIONS = ("response_format", "temperature", "max_completion_tokens")
"""What a model may refuse and can be asked without."""

_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|too many tokens|too long|reduce the (?:length|input)"
    r"|exceeds? .{0,40}tokens|maximum .{0,20}tokens",
    re.IGNORECASE,
)
_CONTENT = re.compile(r"content[_ ](?:filter|policy|management)|responsible.?ai|safety system", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_COUNTED = ("requests", "tokens")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class TooLong(PipelineError):
    """The model cannot take, or answer, so much at once: give it smaller pieces."""

    code = "too_long"


class OptionRefused(Misconfigured):
    """The model does not take an option of the request.

    Args:
        option: its name.
    """

    code = "option_refused"

    def __init__(self, message: str, code: str = "", option: str = "") -> None:
        super().__init__(message, code)
        self.args = (message, code, option)
        self.option = option


class Unanswered(BadDocument):
    """The model gives no usable answer for this text, also when asked again: another engine may."""

    code = "unusable_answer"
    advice = "Let the local engine answer in its place, or choose another model."


def translated(fault: "OpenAIError", endpoint: Endpoint) -> PipelineError:
    """The error that says what to do next."""
    import openai

    name = endpoint.name
    if isinstance(fault, openai.APITimeoutError):
        return ServiceUnavailable(f"{name} did not answer within {endpoint.timeout:g} s.", "timeout")
    if isinstance(fault, openai.APIConnectionError):
        return ServiceUnavailable(f"{name} cannot be reached at {_host(endpoint)}.", "unreachable")
    if isinstance(fault, openai.APIStatusError):
        return _by_status(fault, endpoint)
    return ServiceUnavailable(f"{name} answered with something that is no answer.", "bad_answer")


def _host(endpoint: Endpoint) -> str:
    """Without a password that somebody wrote into the address."""
    return urlsplit(endpoint.base_url).netloc.rpartition("@")[2]


def _by_status(fault: "APIStatusError", endpoint: Endpoint) -> PipelineError:
    name, status = endpoint.name, fault.status_code
    if status == 429:
        if fault.code == "insufficient_quota":
            return Refused(f"The account at {name} has no credit left: pay, or set another key.", "quota_spent")
        headers = fault.response.headers
        return Throttled(f"{name} asks to slow down.", "throttled", pause_asked(headers) or _reset(headers) or USUAL_PAUSE)
    if status in {408, 409} or status >= 500:
        if pause := pause_asked(fault.response.headers):
            return Throttled(f"{name} is overloaded (HTTP {status}).", "overloaded", pause)
        return ServiceUnavailable(f"{name} failed (HTTP {status}).", "server_error")
    if status == 401:
        return Refused(f"{name} does not accept the key: set the right one.", "key_refused")
    if status == 403:
        return Refused(f"The key may not use {endpoint.model} at {name}, or not from this region.", "no_permission")
    if status == 404:
        return Misconfigured(f"{name} has no model {endpoint.model!r}, or its address is wrong.", "unknown_model")
    return _by_words(fault, endpoint)


def _by_words(fault: "APIStatusError", endpoint: Endpoint) -> PipelineError:
    """What the service did not take: it says what only in words."""
    name, said = endpoint.name, _said(fault, endpoint)
    if fault.status_code == 413 or fault.code == "context_length_exceeded" or _TOO_LONG.search(said):
        return TooLong(f"{name} cannot take so much at once.")
    if fault.code in {"content_filter", "content_policy_violation"} or _CONTENT.search(said):
        return Unanswered(f"{name} refuses to read this.", "refused")
    if option := next((o for o in OPTIONS if (fault.param or "").startswith(o) or o in said), None):
        return OptionRefused(f"{endpoint.model} at {name} does not take {option}: {said}", "option_refused", option)
    return BadDocument(f"{name} did not take the request (HTTP {fault.status_code}): {said}", "request_refused")


def _said(fault: "APIStatusError", endpoint: Endpoint) -> str:
    said = " ".join(fault.message.split())
    return (said.replace(endpoint.key, "…") if endpoint.key else said)[:SAID]


def pause_asked(headers: "Mapping[str, str]") -> float | None:
    """Seconds that the service asks to wait (``retry-after-ms``; ``retry-after`` in seconds or as a date), if it says so."""
    if (wait := _number(headers.get("retry-after-ms"))) is not None:
        return _sane(wait / 1000)
    said = headers.get("retry-after")
    if (wait := _number(said)) is not None:
        return _sane(wait)
    if said and (date := parsedate_tz(said)):
        return _sane(mktime_tz(date) - time.time())
    return None


def _reset(headers: "Mapping[str, str]") -> float | None:
    """Seconds until what is used up is given again, e.g. ``x-ratelimit-reset-tokens: 6m0s``."""
    resets = (
        headers.get(f"x-ratelimit-reset-{w}", "") for w in _COUNTED if headers.get(f"x-ratelimit-remaining-{w}") == "0"
    )
    waits = [sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(reset)) for reset in resets]
    return _sane(max(waits)) if any(waits) else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _sane(seconds: float) -> float:
    return min(max(seconds, 0.05), LONGEST_PAUSE)
