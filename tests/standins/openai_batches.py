"""Files and batches of the stand-in for an OpenAI-compatible service. A batch goes on by one state with each look at it."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

LINES = 50_000
Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@dataclass
class Day:
    """How batches go today.

    ``looks`` until one has ended; ``there``: whether there are batches at all; every line with ``failing`` in it fails;
    ``expires``: after half of the lines; ``refused``: the code with which every batch fails before it begins, as it does
    with ``token_limit_exceeded`` if it has more than ``most`` lines; ``forgetful``: no batch is known any more;
    ``unready``: so many batches are not begun.
    """

    looks: int = 2
    there: bool = True
    failing: str = ""
    expires: bool = False
    refused: str = ""
    most: int = LINES
    forgetful: bool = False
    unready: int = 0


class File(NamedTuple):
    """A file as it lies at the service."""

    id: str
    name: str
    content: bytes
    at: int


@dataclass
class Cabinet:
    """All files and batches of a service; ``answer`` is how it answers one line: status and body."""

    day: Day
    answer: Answer
    files: dict[str, File] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)

    def reply(self, method: str, address: str, body: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and content for a request about files or batches; None: it is about something else."""
        url = urlsplit(address)
        _, *parts = url.path.removeprefix("/v1").split("/")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if parts[0] not in {"files", "batches"}:
            return None
        if not self.day.there:
            return 404, {"detail": "Not Found"}
        match method, parts:
            case "POST", ["files"]:
                return 200, _shown(self._keep(body["filename"], body["file"]))
            case "GET", ["files"]:
                return 200, _listed([_shown(file) for file in self.files.values()], query)
            case "GET", ["files", file, "content"] if file in self.files:
                return 200, self.files[file].content
            case "DELETE", ["files", file] if file in self.files:
                del self.files[file]
                return 200, {"id": file, "object": "file", "deleted": True}
            case "POST", ["batches"]:
                return self._begun(body)
            case "GET", ["batches"]:
                return 200, _listed([_without(batch) for batch in self.batches.values()], query)
            case "GET", ["batches", name] if name in self.batches and not self.day.forgetful:
                return 200, self._looked_at(self.batches[name])
        return 404, {"error": {"message": f"No such object: {parts[1]}", "type": "invalid_request_error"}}

    def _keep(self, name: str, content: bytes) -> File:
        file = File(f"file-{len(self.files) + 1}{name[-12:-6]}", name, content, round(time.time()))
        self.files[file.id] = file
        return file

    def _begun(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.day.unready:
            self.day.unready -= 1
            return 400, {"error": {"message": "The file is not processed yet", "type": "invalid_request_error"}}
        if body["input_file_id"] not in self.files or body["endpoint"] != "/v1/chat/completions":
            return 400, {"error": {"message": "Invalid input file", "type": "invalid_request_error"}}
        batch: dict[str, Any] = {
            "id": f"batch_{len(self.batches) + 1}",
            "object": "batch",
            "created_at": round(time.time()),
            "status": "validating",
            "errors": None,
            "output_file_id": None,
            "error_file_id": None,
            "seen": 0,
        } | {name: body[name] for name in ("input_file_id", "endpoint", "completion_window")}
        self.batches[batch["id"]] = batch
        return 200, _without(batch)

    def _looked_at(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["seen"] += 1
        if batch["status"] in {"validating", "in_progress"}:
            self._go_on(batch)
        return _without(batch)

    def _go_on(self, batch: dict[str, Any]) -> None:
        lines = self.files[batch["input_file_id"]].content.decode().splitlines()
        refused = self.day.refused or ("token_limit_exceeded" if len(lines) > self.day.most else "")
        if refused:
            fault = {"code": refused, "message": f"Refused: {refused}.", "line": None, "param": None}
            batch |= {"status": "failed", "errors": {"object": "list", "data": [fault]}}
        elif batch["seen"] < self.day.looks:
            batch["status"] = "in_progress"
        else:
            self._end(batch, [json.loads(line) for line in lines])

    def _end(self, batch: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        done = lines[: len(lines) // 2] if self.day.expires else lines
        said = [self._line(line) for line in done]
        late = {
            "code": "batch_expired",
            "message": "This request could not be executed before the window expired.",
        }
        said += [{"custom_id": line["custom_id"], "response": None, "error": late} for line in lines[len(done) :]]
        good = [line for line in said if line["response"] and line["response"]["status_code"] == 200]
        for name, those in (("output_file_id", good[::-1]), ("error_file_id", [line for line in said if line not in good])):
            if those:
                content = "".join(json.dumps({"id": "batch_req_1"} | line) + "\n" for line in those).encode()
                batch[name] = self._keep(f"{batch['id']}_{name}.jsonl", content).id
        batch["status"] = "expired" if self.day.expires else "completed"

    def _line(self, line: dict[str, Any]) -> dict[str, Any]:
        if self.day.failing and self.day.failing in json.dumps(line["body"]):
            status, body = 400, {"error": {"message": "Refused.", "code": "invalid_request"}}
        else:
            status, body = self.answer(line["body"])
        response = {"status_code": status, "request_id": "r", "body": body}
        return {"custom_id": line["custom_id"], "response": response, "error": None}


def _shown(file: File) -> dict[str, Any]:
    size = len(file.content)
    return {
        "id": file.id, "object": "file", "filename": file.name, "bytes": size, "created_at": file.at, "purpose": "batch",
        "status": "processed",
    }  # fmt: skip


def _without(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name != "seen"}


def _listed(items: Iterable[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """A page of a list, the newest first."""
    newest = list(items)[::-1]
    after = next((place for place, item in enumerate(newest, 1) if item["id"] == query.get("after")), 0)
    page = newest[after : after + int(query.get("limit", 20))]
    return {"object": "list", "data": page, "has_more": after + len(page) < len(newest)}
