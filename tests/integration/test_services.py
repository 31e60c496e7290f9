"""Services that settings switch on: wired, used by the chain, and tried by the doctor."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pipeline.aws import AwsAccess, session
from pipeline.settings import Settings, load_settings
from pipeline.supervisor.doctor import Check, check
from pipeline.wiring import Services
from tests.running import ENDED, TEXT, all_completed, chain, submit, until
from tests.standins.amazon import amazon, new_bucket, s3_client
from tests.standins.supabase_storage import SERVICE_KEY, Storage, supabase_storage
from tests.standins.textract import Textract, textract

S3_KEY = "a secret key"


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with amazon() as access:
        yield access


@pytest.fixture
def service(access: AwsAccess) -> Iterator[Textract]:
    with textract(access) as service:
        yield service


@pytest.fixture
def storage() -> Iterator[Storage]:
    with supabase_storage() as storage:
        yield storage


def on_s3(access: AwsAccess, bucket: str) -> dict[str, str]:
    return {
        "BLOB_STORE": "s3",
        "S3_BUCKET": bucket,
        "S3_ENDPOINT_URL": access.endpoint_url,
        "AWS_REGION": access.region,
        "AWS_ACCESS_KEY_ID": access.access_key,
        "AWS_SECRET_ACCESS_KEY": access.secret_key,
    }


def on_supabase(storage: Storage, key: str = SERVICE_KEY) -> dict[str, str]:
    return {"BLOB_STORE": "supabase", "SUPABASE_URL": storage.url, "SUPABASE_KEY": key}


def set_to(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], home: Path) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(_env_file=None, nlp_pipeline_home=home)


def found(settings: Settings, *names: str) -> list[Check]:
    checks = check(settings)
    said = json.dumps([one.detail + one.advice for one in checks])
    assert not any(secret in said for secret in (S3_KEY, SERVICE_KEY, "wrong-key"))
    return [one for one in checks if one.name in names]


def test_a_chain_over_files_in_s3(
    access: AwsAccess, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    bucket = new_bucket(access)
    secret = SecretStr(access.secret_key)
    use = Services(
        settings.model_copy(
            update={"blob_store": "s3", "s3_bucket": bucket, "s3_endpoint_url": access.endpoint_url}
            | {"aws_region": access.region, "aws_access_key_id": access.access_key, "aws_secret_access_key": secret}
        )
    )
    use.graph.prepare()
    submit(use, tmp_path, {"letter.txt": TEXT.encode()})
    assert len(s3_client(access).list_objects_v2(Bucket=bucket)["Contents"]) == 1
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment | on_s3(access, bucket), tmp_path):
        until(db, ENDED, all_completed)
    use.close()


def test_the_doctor_tries_a_bucket(access: AwsAccess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bucket = new_bucket(access)
    (good,) = found(set_to(monkeypatch, on_s3(access, bucket), tmp_path), "files")
    assert good.ok
    assert bucket in good.detail
    assert "Contents" not in s3_client(access).list_objects_v2(Bucket=bucket)
    (missing,) = found(set_to(monkeypatch, on_s3(access, "no-such-bucket"), tmp_path), "files")
    assert not missing.ok
    assert "no-such-bucket" in missing.detail
    assert missing.advice


def test_the_doctor_tries_supabase_storage(storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (good,) = found(set_to(monkeypatch, on_supabase(storage), tmp_path), "files")
    assert good.ok
    (refused,) = found(set_to(monkeypatch, on_supabase(storage, "wrong-key"), tmp_path), "files")
    assert not refused.ok
    assert "SUPABASE_KEY" in refused.detail


def test_the_doctor_tries_textract(
    access: AwsAccess, service: Textract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = {"OCR_ENGINE": "textract", "TEXTRACT_ENDPOINT_URL": service.url, "BLOB_STORE": "folder"}
    settings = set_to(monkeypatch, on_s3(access, new_bucket(access)) | wanted, tmp_path)
    names = "textract pages", "textract", "bucket"
    assert [one.ok for one in found(settings, *names)] == [True, True, True]
    assert service.calls["DetectDocumentText"] == 1
    service.denied |= {"DetectDocumentText", "StartDocumentTextDetection"}
    assert [one.ok for one in found(settings, *names)] == [False, False, True]
    unknown = set_to(monkeypatch, {"TEXTRACT_FEATURES": "TABLES,COLOURS"}, tmp_path)
    assert ["COLOURS" in one.detail for one in found(unknown, *names)] == [True, True, False]


def test_the_doctor_tries_the_queue_of_notices(
    access: AwsAccess, service: Textract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue = session(access).client("sqs", endpoint_url=access.endpoint_url).create_queue(QueueName="notices")["QueueUrl"]
    notices = {"TEXTRACT_TOPIC_ARN": "arn:aws:sns:eu-west-1:1:ended", "TEXTRACT_ROLE_ARN": "arn:aws:iam::1:role/textract"}
    notices |= {"TEXTRACT_QUEUE_URL": queue, "SQS_ENDPOINT_URL": access.endpoint_url}
    (good,) = found(set_to(monkeypatch, on_s3(access, "matter") | notices, tmp_path), "textract notices")
    assert good.ok
    (missing,) = found(set_to(monkeypatch, {"TEXTRACT_QUEUE_URL": f"{queue}-none"}, tmp_path), "textract notices")
    assert not missing.ok
