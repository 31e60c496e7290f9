"""A stand-in for an OpenAI-compatible service: a real HTTP server that answers by rule, and fails as the service does.

usage: python -m tests.standins.openai [--latency 1] [--limit 60] [--window 60] [--throttled .05] [--failing .02] …
Prints its address; GET /report tells what was asked and paid for.
"""

import argparse
import base64
import json
import random
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from tests.standins import openai_mind as mind
from tests.standins.openai_batches import Cabinet, Day

KEY = "test-key"
UPLOAD_LIMIT = 25 * 1024 * 1024


class Reply(NamedTuple):
    """What is sent back: ``body`` as JSON unless it is bytes; ``hang``: seconds of silence before the line is cut."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    hang: float = 0.0


class Call(NamedTuple):
    """A request as it arrived, and the status that it got."""

    path: str
    body: dict[str, Any]
    at: float
    status: int


@dataclass
class Behaviour:
    """How the service is today. Shares are of calls; ``limit`` is requests in any ``window`` seconds, 0 for none."""

    latency: float = 0.0
    limit: int = 0
    window: float = 60.0
    retry_after: str = ""
    throttled: float = 0.0
    failing: float = 0.0
    hanging: float = 0.0
    hang: float = 3.0
    broken: float = 0.0
    refusing: float = 0.0
    wrong: float = 0.0
    gullible: bool = False
    context: int = 0
    formats: frozenset[str] = frozenset({"json_schema", "json_object"})
    format_status: int = 400
    temperature: bool = True
    dimension: int = 64
    models: frozenset[str] = frozenset()
    batches: Day = field(default_factory=Day)
    eyes: Callable[[bytes], str] = lambda _: ""
    ears: Callable[[bytes], dict[str, Any]] = lambda _: {"text": "", "segments": []}


@dataclass
class Books:
    """What was asked, and what was paid for."""

    calls: list[Call] = field(default_factory=list)
    usable: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0

    def report(self, window: float) -> dict[str, Any]:
        """Figures: calls by status, questions answered, questions that were paid for twice, tokens, the busiest window."""
        times = sorted(call.at for call in self.calls)
        busiest, first = 0, 0
        for last, at in enumerate(times):
            while at - times[first] >= window:
                first += 1
            busiest = max(busiest, last - first + 1)
        return {
            "calls": len(self.calls),
            "by_status": dict(Counter(str(call.status) for call in self.calls)),
            "answered": len(self.usable),
            "paid_twice": sum(count - 1 for count in self.usable.values()),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "busiest_window": busiest,
        }


class OpenAIStandIn:
    """The server; use it in a ``with``. ``script`` holds replies that come before all others, in order."""

    def __init__(self, behaviour: Behaviour | None = None, seed: int = 1, port: int = 0) -> None:
        self.behaviour = behaviour or Behaviour()
        self.books = Books()
        self.script: deque[Reply] = deque()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque()
        self.cabinet = Cabinet(self.behaviour.batches, self._line)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.standin = self

    @property
    def url(self) -> str:
        """Base URL for clients."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def report(self) -> dict[str, Any]:
        """See ``Books.report``."""
        with self._lock:
            return self.books.report(self.behaviour.window)

    def reply(self, path: str, body: dict[str, Any], key: str, method: str = "POST") -> Reply:
        """What a request gets."""
        at = time.monotonic()
        with self._lock:
            answer = self._decided(method, path, body, key, at)
            self.books.calls.append(Call(path, body, at, 0 if answer.hang else answer.status))
        time.sleep(self.behaviour.latency)
        return answer

    def _decided(self, method: str, path: str, body: dict[str, Any], key: str, at: float) -> Reply:
        if self.script:
            return self.script.popleft()
        if path.startswith(("/v1/files", "/v1/batches")):
            return self._key_checked(key) or self._limited(at) or self._unlucky() or self._filed(method, path, body)
        return self._checked(body, key) or self._limited(at) or self._unlucky() or self._answered(path, body)

    def _filed(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        return Reply(*(self.cabinet.reply(method, path, body) or (404, {})))

    def _line(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = self._checked(body, KEY) or self._chat(body)
        return answer.status, answer.body

    def _checked(self, body: dict[str, Any], key: str) -> Reply | None:
        use = self.behaviour
        if refused := self._key_checked(key):
            return refused
        if use.models and body.get("model") not in use.models:
            return error(404, f"The model {body.get('model')} does not exist", "model_not_found")
        form = (body.get("response_format") or {}).get("type") if "messages" in body else None
        if form and form not in use.formats:
            return error(use.format_status, f"Invalid parameter: 'response_format' of type '{form}'", "", "response_format")
        if "temperature" in body and not use.temperature:
            return error(400, "Unsupported value: 'temperature' does not support 0", "unsupported_value", "temperature")
        if use.context and mind.tokens(json.dumps(body.get("messages", ""))) > use.context:
            return error(400, f"This model's maximum context length is {use.context} tokens", "context_length_exceeded")
        return None

    def _key_checked(self, key: str) -> Reply | None:
        return None if key == KEY else error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")

    def _limited(self, at: float) -> Reply | None:
        use = self.behaviour
        while self._arrivals and at - self._arrivals[0] >= use.window:
            self._arrivals.popleft()
        if use.limit and len(self._arrivals) >= use.limit:
            wait = use.retry_after or f"{use.window - (at - self._arrivals[0]):.2f}"
            return error(429, "Rate limit reached", "rate_limit_exceeded", headers={"retry-after": wait})
        self._arrivals.append(at)
        return None

    def _unlucky(self) -> Reply | None:
        use, dice = self.behaviour, self._chance.random()
        if (dice := dice - use.throttled) < 0:
            return error(429, "Slow down", "rate_limit_exceeded", headers={"retry-after": use.retry_after or "1"})
        if (dice := dice - use.failing) < 0:
            return error(500, "The server had an error", "server_error")
        if dice - use.hanging < 0:
            return Reply(hang=use.hang)
        return None

    def _answered(self, path: str, body: dict[str, Any]) -> Reply:
        if path.endswith("/embeddings"):
            return self._embeddings(body)
        if path.endswith("/audio/transcriptions"):
            if len(body["file"]) > UPLOAD_LIMIT:
                return error(413, "Maximum content size limit exceeded", "")
            heard = self.behaviour.ears(body["file"])
            return Reply(body={"task": "transcribe", "language": "english", "duration": 1.0} | heard)
        if path.endswith("/chat/completions"):
            return self._chat(body)
        if "/models/" in path:
            return Reply(body={"id": body["model"], "object": "model", "created": 0, "owned_by": "test"})
        return error(404, f"Unknown path {path}", "")

    def _chat(self, body: dict[str, Any]) -> Reply:
        user = body["messages"][1]["content"]
        if isinstance(user, list):
            return self._seen(user)
        text = mind.passage(user)
        use, dice = self.behaviour, self._chance.random()
        order = mind.ordered(text) if use.gullible else None
        if order:
            return self._paid(user, order) if order.startswith("{") else tool_call(order)
        if (dice := dice - use.broken) < 0:
            return self._paid(user, mind.names(text)[:-20])
        if (dice := dice - use.refusing) < 0:
            return completion(None, refusal="I cannot help with that.")
        answer = mind.names(text)
        if dice - use.wrong < 0:
            answer = answer.replace('"quote": "', '"quote": "Nobody ')
        self.books.usable[text] += 1
        return self._paid(user, answer)

    def _seen(self, parts: list[dict[str, Any]]) -> Reply:
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        image = base64.b64decode(url.partition(",")[2])
        self.books.usable[url] += 1
        return self._paid("", json.dumps({"text": self.behaviour.eyes(image)}))

    def _paid(self, asked: str, answer: str) -> Reply:
        used = {"prompt_tokens": mind.tokens(asked) + 300, "completion_tokens": mind.tokens(answer)}
        self.books.input_tokens += used["prompt_tokens"]
        self.books.output_tokens += used["completion_tokens"]
        return completion(answer, usage=used)

    def _embeddings(self, body: dict[str, Any]) -> Reply:
        texts: list[str] = body["input"]
        if not all(texts):
            return error(400, "input cannot be an empty string", "")
        dimension = body.get("dimensions") or self.behaviour.dimension
        rows = [mind.vector(text, dimension) for text in texts]
        packed = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": number, "embedding": _packed(row) if packed else row}
            for number, row in enumerate(rows)
        ]
        used = sum(map(mind.tokens, texts))
        self.books.input_tokens += used
        self.books.usable.update(texts)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return Reply(body={"object": "list", "model": body["model"], "data": data[::-1], "usage": usage})


def _packed(row: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def completion(
    text: str | None,
    *,
    refusal: str | None = None,
    finish: str = "stop",
    usage: dict[str, int] | None = None,
    **more: object,
) -> Reply:
    """A chat answer."""
    message = {"role": "assistant", "content": text, "refusal": refusal, **more}
    used = usage or {"prompt_tokens": 10, "completion_tokens": 1}
    return Reply(
        body={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "stand-in",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": used | {"total_tokens": sum(used.values())},
        }
    )


def tool_call(order: str) -> Reply:
    """An answer that wants a tool to be called."""
    call = {"id": "call_1", "type": "function", "function": {"name": order.split()[-1], "arguments": "{}"}}
    return completion(None, finish="tool_calls", tool_calls=[call])


def error(status: int, message: str, code: str = "", param: str = "", headers: dict[str, str] | None = None) -> Reply:
    """An error as the service words it."""
    fault = {"message": message, "type": "error", "param": param or None, "code": code or None}
    return Reply(status, {"error": fault}, headers or {})


class _Server(ThreadingHTTPServer):
    standin: OpenAIStandIn
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, *_: object) -> None:
        """A client that goes away is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        _, listed, model = self.path.rpartition("/models/")
        if self.path.startswith("/v1/"):
            self._send(self.server.standin.reply(self.path, {"model": model}, self._key(), self.command))
        elif listed:
            self._send(self.server.standin.reply(self.path, {"model": model}, self._key()))
        else:
            self._send(Reply(body=self.server.standin.report()))

    def do_DELETE(self) -> None:
        self._send(self.server.standin.reply(self.path, {}, self._key(), self.command))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.server.standin.reply(self.path.partition("?")[0], self._body(raw), self._key())
        if reply.hang:
            time.sleep(reply.hang)
            self.close_connection = True
            return
        self._send(reply)

    def _key(self) -> str:
        return self.headers.get("api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _body(self, raw: bytes) -> dict[str, Any]:
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/"):
            body: dict[str, Any] = json.loads(raw)
            return body
        whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw)
        parts = [part for part in whole.walk() if not part.is_multipart()]
        fields: dict[str, Any] = {str(part.get_param("name", header="content-disposition")): part for part in parts}
        given: dict[str, Any] = {name: part.get_payload(decode=True) for name, part in fields.items()}
        given = {name: value if name == "file" else value.decode() for name, value in given.items()}
        return given | {"filename": fields["file"].get_filename()}

    def _send(self, reply: Reply) -> None:
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client has gone

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    for name in ("latency", "window", "throttled", "failing", "hanging", "hang", "broken", "refusing", "wrong"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Behaviour(), name))
    parser.add_argument("--limit", type=int, default=0)
    chosen = vars(parser.parse_args())
    port = chosen.pop("port")
    with OpenAIStandIn(Behaviour(**chosen), port=port) as standin:
        print(standin.url, flush=True)  # noqa: T201  # whoever started it reads the address
        threading.Event().wait()


if __name__ == "__main__":
    main()
