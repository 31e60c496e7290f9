"""Log lines as JSON, and what they say of the work at hand."""

import json
import logging
from io import StringIO

import pytest

from pipeline import observing
from pipeline.errors import Misconfigured
from pipeline.observing import Work, formatter, working

WORK = Work("0b5ad7a8-28f7-4fd5-9d9c-55d4b9a1f3c2", "process_chunking", 3)


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


@pytest.fixture
def log(lines: StringIO) -> logging.Logger:
    logger = logging.Logger("pipeline.test")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(formatter("json"))
    logger.addHandler(handler)
    return logger


def test_a_line_names_document_stage_and_attempt_while_they_are_worked_on(log: logging.Logger, lines: StringIO) -> None:
    log.warning("before")
    with working(WORK):
        log.warning("two\nlines of %s", "it")
    log.warning("after")
    before, during, after = (json.loads(line) for line in lines.getvalue().splitlines())
    assert during["message"] == "two\nlines of it"
    assert during["level"] == "WARNING"
    assert {name: during[name] for name in Work._fields} == WORK._asdict()
    assert not before.keys() & set(Work._fields)
    assert not after.keys() & set(Work._fields)


def test_a_fault_stands_on_the_same_line(log: logging.Logger, lines: StringIO) -> None:
    try:
        int("x")
    except ValueError:
        log.exception("no number")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError" in json.loads(line)["exception"]


def test_traces_without_their_library_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(observing, "find_spec", lambda _: None)
    observing.tracing.cache_clear()
    try:
        with pytest.raises(Misconfigured, match="observe"):
            observing.tracing()
    finally:
        observing.tracing.cache_clear()
