"""Notices that jobs of Textract have ended: from a topic of SNS, by way of a queue of SQS, so that nobody needs to ask."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.aws import ENVIRONMENT, AwsAccess, patience, session, translated
from pipeline.engines.ocr.textract_jobs import ANALYSIS, TEXT, job_name

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

SERVICE = "The queue of Textract's notices"
MOST = 10
LONGEST_WAIT = 20  # seconds
KINDS = {"StartDocumentTextDetection": TEXT, "StartDocumentAnalysis": ANALYSIS}


class Notice(NamedTuple):
    """A job has ended; ``tag`` is what it was submitted with, ``receipt`` lets the notice be acknowledged."""

    job: str
    status: str
    tag: str
    receipt: str


class TextractNotices:
    """Receives notices. Thread-safe; make it after the process has forked.

    The AWS keys need sqs:ReceiveMessage and sqs:DeleteMessage; the queue takes nothing but this topic's messages.

    Args:
        queue_url: of the queue that subscribes to the topic.
        access: region and keys; its address, if there is one, is that of SQS.
    """

    def __init__(self, queue_url: str, access: AwsAccess = ENVIRONMENT) -> None:
        self._queue = queue_url
        with translated(SERVICE):
            self._client = session(access).client("sqs", config=patience(), endpoint_url=access.endpoint_url or None)

    def receive(self, wait: float = LONGEST_WAIT) -> list[Notice]:
        """Up to ten notices, as soon as there is one; a notice that is not acknowledged comes again.

        What is no notice is removed. A notice may come twice, early or never: it is a hint to look at the job.

        Args:
            wait: most seconds to wait for the first, up to 20.

        Raises:
            Misconfigured: queue, keys or permission are wrong.
            ServiceUnavailable: no answer.
        """
        seconds = int(min(LONGEST_WAIT, max(0.0, wait)))
        with translated(SERVICE):
            answer = self._client.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=MOST, WaitTimeSeconds=seconds)
        read = [(message, _notice(message)) for message in answer.get("Messages", ())]
        self._remove([message.get("ReceiptHandle", "") for message, notice in read if notice is None])
        return [notice for _, notice in read if notice]

    def acknowledge(self, notices: Sequence[Notice]) -> None:
        """Remove these from the queue."""
        self._remove([notice.receipt for notice in notices])

    def _remove(self, receipts: Sequence[str]) -> None:
        for start in range(0, len(receipts), MOST):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts[start : start + MOST])
            ]
            with translated(SERVICE):
                self._client.delete_message_batch(QueueUrl=self._queue, Entries=entries)


def _notice(message: "MessageTypeDef") -> Notice | None:
    """What Textract wrote, which SNS may have wrapped once more."""
    body = _object(message.get("Body", ""))
    said = _object(body["Message"]) if isinstance(body.get("Message"), str) else body
    kind, job_id = KINDS.get(said.get("API", "")), said.get("JobId")
    if not kind or not isinstance(job_id, str):
        return None
    tag, status = str(said.get("JobTag") or ""), str(said.get("Status", ""))
    return Notice(job_name(kind, job_id), status, tag, message.get("ReceiptHandle", ""))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
