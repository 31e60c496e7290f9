"""The end of a job reaches us through SNS and SQS, as moto serves them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pipeline.aws import AwsAccess, session
from pipeline.engines.ocr.textract_jobs import Notices, TextractJobs
from pipeline.engines.ocr.textract_notices import Notice, TextractNotices
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Page
from pipeline.stores.s3 import S3Blobs
from tests.standins.amazon import REGION, amazon, new_bucket
from tests.standins.textract import Textract, textract

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

DOCUMENT = "0b9a2f64-2e0f-4d8e-9f0a-3f1d2c4b5a69"


class Post(NamedTuple):
    access: AwsAccess
    topic: str
    queue: str
    sqs: "SQSClient"


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with amazon() as access:
        yield access


@pytest.fixture(params=["wrapped", "raw"])
def post(request: pytest.FixtureRequest, access: AwsAccess) -> Post:
    aws = session(access)
    sns = aws.client("sns", endpoint_url=access.endpoint_url)
    sqs = aws.client("sqs", endpoint_url=access.endpoint_url)
    topic = sns.create_topic(Name=f"ended-{request.param}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"notices-{request.param}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    raw = {"RawMessageDelivery": "true"} if request.param == "raw" else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    return Post(access, topic, queue, sqs)


@pytest.fixture
def service(access: AwsAccess) -> Iterator[Textract]:
    with textract(access) as service:
        yield service


def test_the_end_of_a_job_is_told_and_its_pages_can_be_had(post: Post, service: Textract, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")
    blobs = S3Blobs(new_bucket(post.access), "", post.access)
    blobs.put("matter/letter", tmp_path / "letter.pdf")
    service.seconds = 0.2
    role = "arn:aws:iam::123456789012:role/textract"
    jobs = TextractJobs(["TABLES"], service.access(), Notices(post.topic, role))
    notices = TextractNotices(post.queue, post.access)

    job = jobs.submit(blobs.place("matter/letter"), "token", DOCUMENT)
    (notice,) = notices.receive(20)
    assert notice[:3] == (job, "SUCCEEDED", DOCUMENT)
    (page,) = jobs.check(notice.job, 1)
    assert isinstance(page, Page)
    assert page.text == "Harald Lind wrote to Lisbon."

    notices.acknowledge([notice])
    assert notices.receive(0) == []
    assert waiting(post) == 0


def test_what_is_no_notice_is_removed(post: Post) -> None:
    for body in (
        "not json",
        "[]",
        json.dumps({"Message": "null"}),
        json.dumps({"JobId": 5, "API": "StartDocumentAnalysis"}),
    ):
        post.sqs.send_message(QueueUrl=post.queue, MessageBody=body)
    assert TextractNotices(post.queue, post.access).receive(1) == []
    assert waiting(post) == 0


def test_a_notice_that_is_not_acknowledged_comes_again(post: Post) -> None:
    post.sqs.set_queue_attributes(QueueUrl=post.queue, Attributes={"VisibilityTimeout": "0"})
    body = json.dumps({"JobId": "ab12", "API": "StartDocumentTextDetection", "Status": "FAILED"})
    post.sqs.send_message(QueueUrl=post.queue, MessageBody=body)
    notices = TextractNotices(post.queue, post.access)
    (first,) = notices.receive(1)
    (again,) = notices.receive(1)
    assert first[:3] == again[:3] == Notice("text:ab12", "FAILED", "", "")[:3]
    notices.acknowledge([again])
    assert waiting(post) == 0


def test_a_missing_queue_is_a_wrong_setting(access: AwsAccess) -> None:
    with pytest.raises(Misconfigured) as fault:
        TextractNotices(f"{access.endpoint_url}/123456789012/absent", access).receive(0)
    assert fault.value.code == "not_there"


def test_an_outage_is_said() -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        TextractNotices("http://127.0.0.1:9/1/q", AwsAccess(REGION, "http://127.0.0.1:9", "key", "secret")).receive(0)


def waiting(post: Post) -> int:
    counts = post.sqs.get_queue_attributes(QueueUrl=post.queue, AttributeNames=["All"])["Attributes"]
    return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])
