"""One document followed through all its tasks, by its trace and by the worker's log."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipeline.settings import Settings
from pipeline.status import Step
from pipeline.wiring import Services
from tests.running import ENDED, TEXT, all_ended, chain, environment_of, submit, until


class Collector(ThreadingHTTPServer):
    """Takes traces as a collector does; ``spans`` is what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is said of it."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_documents_trace_and_log_lines_follow_it(
    settings: Settings, use: Services, database_url: str, collector: Collector, tmp_path: Path
) -> None:
    submit(use, tmp_path, {"a.txt": TEXT.encode(), "empty.txt": b""})
    environment = environment_of(settings, LOG_FORMAT="json", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    with psycopg.connect(database_url, autocommit=True) as db, chain(environment, tmp_path):
        until(db, ENDED, all_ended)
        whole, empty = (str(i) for (i,) in db.execute("select id from documents order by file_name"))
    steps = [span for span in collector.spans if UUID(bytes=span.trace_id) == UUID(whole)]
    assert [span.name for span in sorted(steps, key=lambda s: s.start_time_unix_nano)] == list(Step)
    assert all(span.status.code != Status.STATUS_CODE_ERROR for span in steps)
    (failed,) = (span for span in collector.spans if UUID(bytes=span.trace_id) == UUID(empty))
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert {a.key: a.value.string_value for a in failed.attributes}["error.type"] == "empty_file"
    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines() if line.startswith("{")]
    said = [line for line in lines if line.get("document") == empty]
    assert [(line["stage"], line["level"]) for line in said] == [("process_ocr", "ERROR")]
    assert all(json.loads(line) for line in (tmp_path / "processor.log").read_text().splitlines() if line)
