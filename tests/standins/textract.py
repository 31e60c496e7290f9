"""A stand-in of Textract: its JSON protocol over HTTP, with the ways in which it is slow, refuses and fails.

Made from its documentation. What a file holds is told to it in ``documents``; of other files it asks S3 whether they exist.
"""

import base64
import binascii
import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from pipeline.aws import AwsAccess, session
from tests.standins.server import Handler, serving
from tests.standins.textract_pages import Line, Sheet

KNOWN_KEY = "AKIDEXAMPLE"
MOST_BLOCKS = 1000
ONE_LINE = Sheet([Line("Harald Lind wrote to Lisbon.")])


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message or code


@dataclass
class Document:
    """What Textract finds in a file, and what comes of the job; ``failed`` pages are not among the blocks."""

    sheets: Sequence[Sheet] = (ONE_LINE,)
    status: str = "SUCCEEDED"
    message: str = ""
    failed: Sequence[int] = ()


@dataclass
class Job:
    """One job and how often it was asked for."""

    id: str
    call: str
    request: dict[str, Any]
    document: Document
    started: float
    polls: int = 0
    told: bool = False


@dataclass
class Textract:
    """What it does and what was done to it. Jobs take ``seconds`` and ``polls`` questions."""

    url: str = ""
    s3: AwsAccess | None = None
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    image: Sheet = ONE_LINE
    polls: int = 0
    seconds: float = 0.0
    most_blocks: int = MOST_BLOCKS
    most_jobs: int = 1_000_000
    refusals: dict[str, list[str]] = field(default_factory=dict)  # codes of the next answers, by call
    denied: set[str] = field(default_factory=set)
    retry_after: str = ""
    jobs: dict[str, Job] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    images: list[bytes] = field(default_factory=list)
    started: Callable[[], None] = lambda: None  # called once a job has begun, before anyone is told
    lock: threading.RLock = field(default_factory=threading.RLock)

    def reset(self) -> None:
        """As it was when it began to serve."""
        fresh = Textract(self.url, self.s3)
        with self.lock:
            for name in (each.name for each in fields(self) if each.name != "lock"):
                setattr(self, name, getattr(fresh, name))

    def access(self, key: str = KNOWN_KEY) -> AwsAccess:
        return AwsAccess("eu-west-1", self.url, key, "a secret key")

    def forget(self) -> None:
        """Seven days have passed."""
        with self.lock:
            self.jobs.clear()

    def handle(self, call: str, request: dict[str, Any], key: str) -> dict[str, Any]:
        with self.lock:
            self.calls[call] += 1
            if key != KNOWN_KEY:
                raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
            if call in self.denied:
                raise Refused("AccessDeniedException", f"User: arn:aws:iam::1:user/u is not authorized to perform: {call}")
            if codes := self.refusals.get(call):
                raise Refused(codes.pop(0))
        if call.startswith("Start"):
            return self._start(call, request)
        if call.startswith("Get"):
            return self._get(call, request)
        return self._at_once(request)

    def _start(self, call: str, request: dict[str, Any]) -> dict[str, Any]:
        place = request["DocumentLocation"]["S3Object"]
        document = self._found(place["Bucket"], place["Name"])
        with self.lock:
            said = json.dumps([call, request], sort_keys=True)
            token = request.get("ClientRequestToken", uuid.uuid4().hex)
            if not re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", token):
                raise Refused("InvalidParameterException", "ClientRequestToken")
            if token in self.tokens:
                job_id, before = self.tokens[token]
                if before != said:
                    raise Refused("IdempotentParameterMismatchException")
                return {"JobId": job_id}
            if sum(self._status(job) == "IN_PROGRESS" for job in self.jobs.values()) >= self.most_jobs:
                raise Refused("LimitExceededException")
            job = Job(uuid.uuid4().hex, call, request, document, time.monotonic())
            self.jobs[job.id] = job
            self.tokens[token] = job.id, said
        self.started()
        if self.seconds:
            threading.Timer(self.seconds, self.tell, [job]).start()
        return {"JobId": job.id}

    def _found(self, bucket: str, key: str) -> Document:
        if (bucket, key) in self.documents:
            return self.documents[bucket, key]
        if self.s3:
            client = session(self.s3).client("s3", endpoint_url=self.s3.endpoint_url)
            try:
                client.head_object(Bucket=bucket, Key=key)
            except client.exceptions.ClientError:
                pass
            else:
                return Document()
        raise Refused(
            "InvalidS3ObjectException", "Unable to get object metadata from S3. Check object key, region and/or access"
        )

    def _status(self, job: Job) -> str:
        ready = job.polls > self.polls and time.monotonic() - job.started >= self.seconds
        return job.document.status if ready else "IN_PROGRESS"

    def _get(self, call: str, request: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            job = self.jobs.get(request["JobId"])
            if job is None or job.call != call.replace("Get", "Start", 1):
                raise Refused("InvalidJobIdException")
            job.polls += 1
            status = self._status(job)
        answer: dict[str, Any] = {"JobStatus": status, "DocumentMetadata": {"Pages": len(job.document.sheets)}}
        if status == "FAILED":
            answer["StatusMessage"] = job.document.message
        if status in {"SUCCEEDED", "PARTIAL_SUCCESS"}:
            answer |= self._blocks(job, request)
            if job.document.failed:
                answer["Warnings"] = [{"ErrorCode": "PAGE_NOT_READABLE", "Pages": list(job.document.failed)}]
        return answer

    def _blocks(self, job: Job, request: dict[str, Any]) -> dict[str, Any]:
        most = min(self.most_blocks, MOST_BLOCKS, request.get("MaxResults", MOST_BLOCKS))
        page, offset = map(int, request.get("NextToken", "1.0").split("."))
        features = job.request.get("FeatureTypes", ())
        blocks: list[dict[str, Any]] = []
        while page <= len(job.document.sheets):
            if page not in job.document.failed:
                found = job.document.sheets[page - 1].blocks(page, features)
                room = most - len(blocks)
                blocks += found[offset : offset + room]
                if len(found) - offset > room:
                    return {"Blocks": blocks, "NextToken": f"{page}.{offset + room}"}
            page, offset = page + 1, 0
        return {"Blocks": blocks}

    def _at_once(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            content = base64.b64decode(request["Document"]["Bytes"], validate=True)
        except (KeyError, binascii.Error):
            raise Refused("InvalidParameterException") from None
        if len(content) > 5 * 1024 * 1024:
            raise Refused("DocumentTooLargeException")
        if not content.startswith((b"\x89PNG", b"\xff\xd8")):
            raise Refused("UnsupportedDocumentException")
        self.images.append(content)
        return {"DocumentMetadata": {"Pages": 1}, "Blocks": self.image.blocks(1, request.get("FeatureTypes", ()))}

    def tell(self, job: Job) -> None:
        """Publish the notice of the job's end, once, where the job asked for it."""
        channel = job.request.get("NotificationChannel")
        if not channel or not self.s3:
            return
        notice = {
            "JobId": job.id,
            "Status": job.document.status,
            "API": job.call,
            "JobTag": job.request.get("JobTag"),
            "Timestamp": int(time.time() * 1000),
            "DocumentLocation": job.request["DocumentLocation"],
        }
        sns = session(self.s3).client("sns", endpoint_url=self.s3.endpoint_url)
        sns.publish(TopicArn=channel["SNSTopicArn"], Message=json.dumps(notice))


@contextmanager
def textract(s3: AwsAccess | None = None) -> Iterator[Textract]:
    """The stand-in, serving; ``s3`` is where files lie and notices go."""
    service = Textract(s3=s3)

    class Speaking(Handler):
        def do_POST(self) -> None:
            call = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            key = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
            try:
                answer = service.handle(call, json.loads(self.body()), key[1] if key else "")
            except Refused as refused:
                status = 500 if refused.code == "InternalServerError" else 400
                answer = {"__type": refused.code, "message": refused.message}
                headers = {"Retry_After": service.retry_after} if service.retry_after else {}
                self.answer(status, json.dumps(answer).encode(), Content_Type="application/x-amz-json-1.1", **headers)
            else:
                self.answer(200, json.dumps(answer).encode(), Content_Type="application/x-amz-json-1.1")

    with serving(Speaking) as url:
        service.url = url
        yield service
