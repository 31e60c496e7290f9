"""What the values of settings may be: durations, addresses, prices, names of engines."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError

from pipeline.plugins import Group, installed

LEAST_LEASE = timedelta(seconds=3)
LEAST_REPAIR = timedelta(seconds=2)


def _seconds(value: object) -> object:
    """A plain number is seconds; what is no number may be an ISO 8601 duration."""
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str | int | float) else value
    except (ValueError, OverflowError):
        return value


def prices_of(value: object) -> object:
    """A value that is no JSON is the path of a file of it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.lstrip().startswith("{") else Path(value).expanduser().read_text(encoding="utf-8"))
    except OSError as fault:
        raise ValueError(f"the file cannot be read: {fault.strerror}") from None
    except ValueError:
        raise ValueError("this is no JSON") from None


def _checked_certificate(url: SecretStr) -> SecretStr:
    """Refuse what switches off the check of the certificate."""
    for name, value in parse_qsl(urlsplit(url.get_secret_value()).query):
        unchecked = name == "ssl_cert_reqs" and value.lower().removeprefix("cert_") != "required"
        if unchecked or (name == "ssl_check_hostname" and value.lower() in {"false", "0", "no"}):
            raise ValueError(
                f"{name}={value} lets anybody answer in the server's place: leave it out. The certificate of an authority "
                "of your own goes into REDIS_CA_CERTS"
            )
    return url


def with_certificates(url: str, authority: Path | None) -> str:
    """A ``rediss://`` URL that says how the certificate is checked, as Celery demands; any other URL as it is."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = dict(parse_qsl(parts.query)) | {"ssl_cert_reqs": "required"}
    if authority:
        query.setdefault("ssl_ca_certs", str(authority.absolute()))
    return urlunsplit(parts._replace(query=urlencode(query, safe="/")))


BrokerUrl = Annotated[SecretStr, AfterValidator(_checked_certificate)]

Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta())]

Price = Annotated[
    dict[
        Annotated[str, Field(pattern="^(input|output|page|minute|batch)$")],
        Annotated[float, Field(ge=0, allow_inf_nan=False)],
    ],
    Field(min_length=1),
]


def _engine(group: Group, *own: str) -> AfterValidator:
    """A validator for the name of an engine: one of ours, or of another package."""

    def known(name: str) -> str:
        if name not in own and name not in (others := installed(group)):
            raise ValueError(f"there is no such engine; there are {', '.join([*own, *others])}.")
        return name

    return AfterValidator(known)


OcrEngineName = Annotated[str, _engine(Group.OCR, "auto", "tesseract", "rapidocr", "textract", "textract-pages", "remote")]
SpeechEngineName = Annotated[str, _engine(Group.SPEECH, "faster-whisper", "openai-whisper", "remote")]
EmbeddingEngineName = Annotated[str, _engine(Group.EMBEDDING, "onnx", "sentence-transformers", "remote")]
NerEngineName = Annotated[str, _engine(Group.NER, "local", "remote")]


def check_times(
    *, soft: timedelta, hard: timedelta, visibility: timedelta, lease: timedelta, repair: timedelta, poll: timedelta
) -> None:
    """Refuse times that contradict each other."""
    if hard >= visibility:
        raise ValueError(
            "CELERY_TASK_TIME_LIMIT must be below CELERY_VISIBILITY_TIMEOUT: "
            "a task that lives longer is delivered a second time."
        )
    if soft > hard:
        raise ValueError("CELERY_TASK_SOFT_TIME_LIMIT must not be above CELERY_TASK_TIME_LIMIT.")
    if lease < LEAST_LEASE:
        raise ValueError(
            f"LEASE_DURATION must be {LEAST_LEASE.seconds} seconds or more: "
            "it is renewed at a third of it, and one late renewal must not lose it."
        )
    if lease >= hard:
        raise ValueError("LEASE_DURATION must be below CELERY_TASK_TIME_LIMIT: set it to some seconds, 20 is usual.")
    if repair < LEAST_REPAIR:
        raise ValueError(
            f"REPAIR_AFTER must be {LEAST_REPAIR.seconds} seconds or more: "
            "a message that is just being delivered is not lost."
        )
    if poll > min(lease, repair):
        raise ValueError(
            "POLL_INTERVAL must not be above LEASE_DURATION and REPAIR_AFTER: "
            "what was lost is only found when the queue processor looks."
        )


def explained(fault: ValueError) -> str:
    """What is wrong with which variable; never its value."""
    if not isinstance(fault, ValidationError):
        return str(fault)
    return "; ".join(f"{'.'.join(map(str, e['loc'])).upper() or 'settings'}: {e['msg']}" for e in fault.errors())
