"""Whole files read by Textract: real workers, S3 by moto, and a stand-in of Textract that fails as it does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pipeline.aws import AwsAccess, session
from pipeline.model import DocumentId
from pipeline.settings import Settings
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.wiring import Services
from tests import reader_files as files
from tests.integration.test_large_document import SCANNED
from tests.running import (
    CELERY,
    ENDED,
    TEXT,
    all_completed,
    all_ended,
    chain,
    environment_of,
    processor,
    submit,
    until,
    worker,
)
from tests.standins.amazon import amazon, new_bucket, s3_client
from tests.standins.textract import Document, Textract, textract
from tests.standins.textract_pages import Line, Sheet

Db = psycopg.Connection[tuple[object, ...]]
START, GET = "StartDocumentTextDetection", "GetDocumentTextDetection"
PAID = "select model, calls, guessed, pages from paid_usage"
WAITING = "select id::text from documents where waiting_for like 'Textract%' and lease_until is null"
SHEETS = [Sheet([Line(f"Harald Lind wrote letter {n}.")]) for n in range(1, 4)]


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with amazon() as access:
        yield access


@pytest.fixture
def service(access: AwsAccess) -> Iterator[Textract]:
    with textract(access) as service:
        yield service


@pytest.fixture
def settings(settings: Settings, access: AwsAccess, service: Textract) -> Settings:
    wanted = {
        "ocr_engine": "textract",
        "s3_bucket": new_bucket(access),
        "s3_endpoint_url": access.endpoint_url,
        "aws_region": access.region,
        "aws_access_key_id": access.access_key,
        "aws_secret_access_key": SecretStr(access.secret_key),
        "textract_endpoint_url": service.url,
    }
    return settings.model_copy(update=wanted)


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """That of workers whose failures cannot pass: nothing that is waited for may count as one."""
    assert settings.aws_secret_access_key
    return environment_of(
        settings,
        OCR_ENGINE="textract",
        S3_BUCKET=settings.s3_bucket,
        S3_ENDPOINT_URL=settings.s3_endpoint_url,
        AWS_REGION=settings.aws_region,
        AWS_ACCESS_KEY_ID=settings.aws_access_key_id,
        AWS_SECRET_ACCESS_KEY=settings.aws_secret_access_key.get_secret_value(),
        TEXTRACT_ENDPOINT_URL=settings.textract_endpoint_url,
        STEP_RETRIES="0",
    )


@pytest.fixture
def db(settings: Settings) -> Iterator[Db]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


def scan() -> bytes:
    return files.pdf([SCANNED], image=bytes(range(0, 200, 2)) * 100)


def submit_scan(use: Services, service: Textract, db: Db, folder: Path, document: Document) -> DocumentId:
    submit(use, folder, {"scan.pdf": scan()})
    ((found,),) = db.execute("select id::text from documents").fetchall()
    service.documents[use.settings.s3_bucket, f"textract/{found}"] = document
    return DocumentId(str(found))


def test_no_worker_waits_for_jobs(
    use: Services,
    access: AwsAccess,
    service: Textract,
    settings: Settings,
    environment: dict[str, str],
    db: Db,
    tmp_path: Path,
) -> None:
    service.seconds = 1e6
    submit(use, tmp_path, {f"{n}.pdf": scan() for n in range(20)})
    with chain(environment, tmp_path):
        until(db, WAITING, lambda rows: len(rows) == 20)
        submit(use, tmp_path, {"letter.txt": TEXT.encode(), "letter.pdf": files.pdf([files.lines(TEXT)])})
        until(db, "select from documents where status = 'completed'", lambda rows: len(rows) == 2)
        states = db.execute("select distinct status::text from documents where waiting_for is not null").fetchall()
        assert states == [("extracting",)]
        service.seconds = 0
        until(db, ENDED, all_completed)
    assert service.calls[START] == len(service.jobs) == 20
    ((text, source, words),) = db.execute(
        "select d.text, p.source, p.words from pages p join documents d on d.id = p.document_id where d.file_name = '7.pdf'"
    ).fetchall()
    assert (text, source) == ("Harald Lind wrote to Lisbon.", "ocr")
    assert len(words) == 5  # type: ignore[arg-type]
    assert "Contents" not in s3_client(access).list_objects_v2(Bucket=settings.s3_bucket)


def test_throttled_in_parts_and_in_part(
    use: Services, service: Textract, environment: dict[str, str], db: Db, tmp_path: Path
) -> None:
    submit_scan(use, service, db, tmp_path, Document(SHEETS, "PARTIAL_SUCCESS", failed=[2]))
    service.refusals = {START: ["ProvisionedThroughputExceededException"] * 2, GET: ["ThrottlingException"] * 2}
    service.most_blocks = 3
    with chain(environment, tmp_path):
        ((_, status, code, message),) = until(db, ENDED, all_ended)
    assert (status, code) == ("partial_error", "pages_failed")
    assert message == "Pages 2 could not be read: Textract could not read page 2 (PAGE_NOT_READABLE)."
    assert len(service.jobs) == 1
    ((text, failed),) = db.execute("select text, failed_pages from documents").fetchall()
    assert (text, failed) == ("Harald Lind wrote letter 1.\n\n\n\nHarald Lind wrote letter 3.", [2])
    pages = db.execute("select number, source, end_offset - start_offset from pages order by 1").fetchall()
    assert pages == [(1, "ocr", 27), (2, "text", 0), (3, "ocr", 27)]


def test_a_worker_killed_after_it_submitted_and_doubled_tasks_start_one_job(
    use: Services, service: Textract, environment: dict[str, str], db: Db, tmp_path: Path
) -> None:
    document = submit_scan(use, service, db, tmp_path, Document(SHEETS))
    service.seconds = 1e6
    with processor(environment, tmp_path / "processor.log"):
        with worker(environment, tmp_path / "first.log") as victim:
            service.started = lambda: os.killpg(victim.pid, signal.SIGKILL)
            victim.wait(120)
        service.started = lambda: None
        assert db.execute("select job from document_jobs").fetchall() == [(None,)]
        with worker(environment, tmp_path / "second.log", tasks=2):
            until(db, WAITING, lambda rows: len(rows) == 1)
            for task in ("process_ocr", "start_textract_job", "check_textract_job_status"):
                call = [sys.executable, "-m", *CELERY, "call", task, "--args", json.dumps([document])]
                subprocess.run(call, env=environment, check=True, capture_output=True)
            service.seconds = 0
            until(db, ENDED, all_completed)
    assert len(service.jobs) == 1
    assert service.calls[START] == 2
    assert db.execute(PAID).fetchall() == [("textract:text", 1, 0, 1)]
    assert db.execute("select from paid_calls").fetchall() == []
    assert db.execute("select crashes from documents").fetchall() == [(0,)]


def test_jobs_that_fail_are_lost_or_cancelled(
    use: Services, service: Textract, settings: Settings, environment: dict[str, str], db: Db, tmp_path: Path
) -> None:
    broken = Document(status="FAILED", message="INVALID_IMAGE_TYPE")
    document = submit_scan(use, service, db, tmp_path, broken)
    with chain(environment | {"STEP_RETRIES": "1"}, tmp_path):
        ((_, status, code, _),) = until(db, ENDED, all_ended)
        assert (status, code) == ("error", "unreadable")
        service.documents[settings.s3_bucket, f"textract/{document}"] = Document(SHEETS)
        service.seconds = 1e6
        use.documents.retry([document])
        until(db, WAITING, lambda rows: len(rows) == 1)
        use.documents.cancel([document])
        service.seconds = 0
        assert db.execute("select count(*) from pages").fetchall() == [(0,)]
        service.forget()
        use.documents.retry([document])
        until(db, ENDED, all_completed)
    names = {job.request["ClientRequestToken"] for job in service.jobs.values()}
    assert service.calls[START] == 3
    assert len(names) == 1  # the others were forgotten, or failed
    assert db.execute(PAID).fetchall() == [("textract:text", 2, 1, 2)]  # what was forgotten may have been paid for
    assert db.execute("select from paid_calls").fetchall() == []


def test_nothing_is_submitted_beyond_the_budget(
    use: Services, service: Textract, environment: dict[str, str], db: Db, tmp_path: Path
) -> None:
    costs = Costs(Database(use.settings.database), "matter", {"textract:text": {"page": 0.5}})
    costs.set_budget(0.4)
    submit_scan(use, service, db, tmp_path, Document(SHEETS))
    prices = {"PRICES": '{"textract:text": {"page": 0.5}}', "STEP_RETRIES": "0"}
    with chain(environment | prices, tmp_path):
        until(db, "select from documents where waiting_for = 'The budget of matter is used up: 0.40 are allowed.'", bool)
        assert service.calls[START] == 0
        costs.set_budget(0.5)
        until(db, ENDED, all_completed)
    assert costs.budget() == (0.5, 0.5, 0, ())


def test_a_notice_has_the_document_looked_at_at_once(
    use: Services, access: AwsAccess, service: Textract, environment: dict[str, str], db: Db, tmp_path: Path
) -> None:
    topic, queue = _subscribed(access)
    told = {"TEXTRACT_TOPIC_ARN": topic, "TEXTRACT_QUEUE_URL": queue, "SQS_ENDPOINT_URL": access.endpoint_url}
    environment |= told | {"TEXTRACT_ROLE_ARN": "arn:aws:iam::1:role/textract"}
    submit_scan(use, service, db, tmp_path, Document(SHEETS))
    service.seconds = 1e6
    with chain(environment, tmp_path):
        until(db, WAITING, lambda rows: len(rows) == 1)
        db.execute("update documents set not_before = now() + interval '1 hour'")
        service.seconds = 0
        (job,) = service.jobs.values()
        service.tell(job)
        until(db, ENDED, all_completed)


def _subscribed(access: AwsAccess) -> tuple[str, str]:
    aws = session(access)
    sns = aws.client("sns", endpoint_url=access.endpoint_url)
    sqs = aws.client("sqs", endpoint_url=access.endpoint_url)
    topic = sns.create_topic(Name="ended")["TopicArn"]
    queue = sqs.create_queue(QueueName="ended")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, queue
