"""The batch interface of an OpenAI-compatible service: files of questions, answered within a day for less."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pipeline.engines.remote.calling import Caller
from pipeline.engines.remote.chat import completion, text_of
from pipeline.errors import Misconfigured, PipelineError, ServiceUnavailable
from pipeline.model import BatchAnswer, BatchSeen, Usage

if TYPE_CHECKING:
    from openai import OpenAI

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
LISTED = 2000
"""Files or batches of the service, the newest first, among which one of ours is looked for."""
SAID = 200
NOT_THERE = {404, 405, 501}
T = TypeVar("T")


class NotThere(ServiceUnavailable):
    """The service does not know, or no longer knows, what it is asked for."""

    code = "not_there"


class BatchService:
    """Batches of questions at one endpoint. Thread-safe. Nothing is tried twice: whoever calls looks again later.

    Every method raises as ``faults.translated`` says, and ``Misconfigured`` where there are no batches.

    Args:
        caller: of the model's endpoint, without patience.
        check: raises ``ValueError`` if an answer is not usable.
    """

    def __init__(self, caller: Caller, check: Callable[[str], object]) -> None:
        self._caller = caller
        self._check = check

    def probe(self) -> str:
        """Ask for the list of batches."""
        self._call(lambda client: client.batches.list(limit=1))
        return f"{self._caller.endpoint.base_url} has batches"

    def upload(self, path: Path, name: str) -> str:
        """Send a file of questions; returns what the service calls it."""
        with path.open("rb") as file:
            return self._call(lambda client: client.files.create(file=(name, file), purpose="batch")).id

    def uploaded(self, name: str) -> str:
        """What the service calls the file of this name; "" if it has none."""

        def look(client: "OpenAI") -> str:
            files = islice(client.files.list(purpose="batch", limit=1000, order="desc"), LISTED)
            return next((file.id for file in files if file.filename == name), "")

        return self._call(look)

    def create(self, file: str) -> str:
        """Begin the batch of this file; returns what the service calls it."""
        begun = self._call(lambda client: client.batches.create(input_file_id=file, endpoint=URL, completion_window="24h"))
        return begun.id

    def created(self, file: str) -> str:
        """What the service calls the batch of this file; "" if it has none."""

        def look(client: "OpenAI") -> str:
            batches = islice(client.batches.list(limit=100), LISTED)
            return next((batch.id for batch in batches if batch.input_file_id == file), "")

        return self._call(look)

    def look(self, name: str) -> BatchSeen:
        """How the batch stands.

        Raises:
            NotThere: the service does not know it.
        """
        unknown = NotThere(f"{self._caller.endpoint.name} does not know the batch {name}.")
        batch = self._call(lambda client: client.batches.retrieve(name), unknown)
        faults = batch.errors.data or [] if batch.errors else []
        said = "; ".join(fault.message or fault.code or "" for fault in faults)[:SAID]
        too_much = any(fault.code == "token_limit_exceeded" for fault in faults)
        return BatchSeen(batch.status, batch.output_file_id or "", batch.error_file_id or "", said, too_much)

    @contextmanager
    def answers(self, file: str) -> Iterator[Iterator[BatchAnswer]]:
        """What a file of answers or failures says, line by line.

        Raises:
            NotThere: the service has no such file.
        """
        gone = NotThere(f"{self._caller.endpoint.name} no longer has the file {file}.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / file.replace("/", "_")

            def fetch(client: "OpenAI") -> None:
                with client.files.with_streaming_response.content(file) as answer:
                    answer.stream_to_file(path)

            self._call(fetch, gone)
            with path.open(encoding="utf-8", errors="replace") as lines:
                yield (answer for line in lines if (answer := self.answer(line)))

    def remove(self, file: str) -> None:
        """Have the service forget a file; one that it does not know is forgotten."""
        try:
            self._call(lambda client: client.files.delete(file), NotThere(""))
        except NotThere:
            return

    def answer(self, line: str) -> BatchAnswer | None:
        """What a line says of one question; None if it is no such line."""
        said = _object(line)
        fingerprint = said.get("custom_id")
        if not isinstance(fingerprint, str):
            return None
        response = _part(said, "response")
        if response.get("status_code") != 200 or said.get("error"):
            return BatchAnswer(fingerprint)
        body = _part(response, "body")
        used = _part(body, "usage")
        tokens = (_number(used, "prompt_tokens"), _number(used, "completion_tokens")) if used else None
        return BatchAnswer(fingerprint, self._usable(body), paid=True, tokens=tokens)

    def _usable(self, body: dict[str, Any]) -> str | None:
        from openai.types.chat import ChatCompletion

        try:
            text = text_of(completion(ChatCompletion.construct(**body)), self._caller.endpoint.name)
            self._check(text)
        except (PipelineError, ValueError, TypeError, AttributeError):  # whatever the service takes for an answer
            return None
        return text

    def _call(self, send: "Callable[[OpenAI], T]", missing: PipelineError | None = None) -> T:
        endpoint = self._caller.endpoint

        def sent(client: "OpenAI") -> T:
            from openai import APIStatusError

            try:
                return send(client)
            except APIStatusError as fault:
                if fault.status_code in NOT_THERE:
                    raise missing or no_batches(endpoint.base_url, fault.status_code) from None
                raise

        return self._caller.call(sent, None, lambda _: Usage(endpoint.name, endpoint.model))


def no_batches(address: str, status: int) -> Misconfigured:
    """What to say of a service without batches."""
    return Misconfigured(f"{address} has no batches (HTTP {status}): set OPENAI_BATCH=false.", "no_batches")


def line_of(fingerprint: str, request: str) -> str:
    """A question as a line of the file."""
    return f'{{"custom_id": "{fingerprint}", "method": "POST", "url": "{URL}", "body": {request}}}\n'


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: dict[str, Any], name: str) -> int:
    number = value.get(name)
    return number if isinstance(number, int) and number >= 0 else 0
