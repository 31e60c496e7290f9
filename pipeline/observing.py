"""What is told of the work at hand: log lines and traces with document, stage and attempt.

A trace has its document's id, so nothing travels with a message. Nothing is loaded for traces unless a collector is named.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from pipeline.errors import Misconfigured

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH_SECONDS = 3.0  # for what a process that ends still has to tell
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Work(NamedTuple):
    """A step of a document. ``attempt`` is its lease's token: it grows with every try of every step."""

    document: str
    stage: str
    attempt: int


_work: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def working(work: Work) -> Iterator[None]:
    """Log lines of the context name the work, and it is a span of the document's trace."""
    before = _work.set(work)
    try:
        with _span(work):
            yield
    finally:
        _work.reset(before)


def failed(code: str, message: str) -> None:
    """The work at hand has failed: its span says so."""
    if tracing():
        from opentelemetry.trace import Status, StatusCode, get_current_span

        span = get_current_span()
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR, message))


class JsonLines(logging.Formatter):
    """A log line as one JSON object: time, level, logger, message, and the work at hand."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        work = _work.get()
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= work._asdict() if work else {}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def formatter(form: str) -> logging.Formatter:
    """Of log lines: ``json`` or ``text``."""
    return JsonLines() if form == "json" else logging.Formatter(PLAIN)


@cache
def tracing() -> bool:
    """Whether traces are asked for.

    Raises:
        Misconfigured: they are, and the library is not installed.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return False
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise Misconfigured("Traces need a library: pip install 'nlp-pipeline[observe]'", "not_installed")
    return True


def flush() -> None:
    """Send what was not sent yet."""
    if tracing() and _provider.cache_info().currsize:
        _provider().force_flush(int(FLUSH_SECONDS * 1000))


def _span(work: Work) -> "AbstractContextManager[Span | None]":
    if not tracing():
        return nullcontext()
    from opentelemetry.context import Context

    attributes: dict[str, str | int] = {"document.id": work.document, "stage": work.stage, "attempt": work.attempt}
    tracer = _provider().get_tracer("pipeline")
    # A lease that another has now ends the task by an exception, and is no failure: ``failed`` says what is.
    return tracer.start_as_current_span(
        work.stage, context=Context(), attributes=attributes, record_exception=False, set_status_on_exception=False
    )


@cache
def _provider() -> "TracerProvider":
    """Made in the process that works: its thread does not outlive a fork."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class DocumentIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            work = _work.get()
            return UUID(work.document).int if work else super().generate_trace_id()

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a collector that is away is no matter of ours
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "nlp-pipeline")})
    provider = TracerProvider(id_generator=DocumentIds(), resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
