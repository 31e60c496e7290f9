"""Files in S3: what only a bucket does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.aws import AwsAccess
from pipeline.errors import BadDocument, Misconfigured, Outage, ServiceUnavailable
from pipeline.model import ObjectPlace
from pipeline.stores import s3
from pipeline.stores.s3 import S3Blobs
from tests.standins.amazon import amazon, new_bucket, s3_client
from tests.standins.server import Handler, serving

KEY = "matter/" + "ab12" * 16


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with amazon() as access:
        yield access


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(b"what was stored")
    return path


def test_says_where_a_file_lies(access: AwsAccess, source: Path) -> None:
    bucket = new_bucket(access)
    S3Blobs(bucket, "/files/", access).put(KEY, source)
    place = S3Blobs(bucket, "files", access).place(KEY)
    assert place == ObjectPlace(bucket, f"files/{KEY}")
    assert s3_client(access).get_object(Bucket=place.bucket, Key=place.key)["Body"].read() == source.read_bytes()


def test_a_key_that_is_too_long_for_a_bucket_is_refused(access: AwsAccess) -> None:
    with pytest.raises(BadDocument) as fault:
        S3Blobs("matter", "", access).place("/".join(["x" * 200] * 6))
    assert fault.value.code == "bad_key"


def test_content_that_is_not_what_was_stored_is_found(access: AwsAccess, source: Path) -> None:
    bucket = new_bucket(access)
    s3_client(access).put_object(Bucket=bucket, Key=KEY, Body=b"something else", Metadata={s3.SHA256: "0" * 64})
    with pytest.raises(ServiceUnavailable) as fault, S3Blobs(bucket, "", access).local(KEY):
        pass
    assert fault.value.code == "checksum_mismatch"


def test_a_file_that_another_program_stored_is_read(access: AwsAccess) -> None:
    bucket = new_bucket(access)
    s3_client(access).put_object(Bucket=bucket, Key="inbox/letter.pdf", Body=b"a letter")
    with S3Blobs(bucket, "", access).local("inbox/letter.pdf") as path:
        assert path.read_bytes() == b"a letter"
    assert not path.exists()


def test_a_file_in_parts_comes_back_whole(access: AwsAccess, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(range(256)) * ((s3.PART_SIZE * 2 + 999) // 256))
    bucket = new_bucket(access)
    blobs = S3Blobs(bucket, "", access)
    blobs.put(KEY, big)
    assert s3_client(access).head_object(Bucket=bucket, Key=KEY)["ETag"].strip('"').endswith("-3")
    with blobs.local(KEY) as path:
        assert path.read_bytes() == big.read_bytes()


def test_check_leaves_nothing_behind(access: AwsAccess) -> None:
    bucket = new_bucket(access)
    assert S3Blobs(bucket, "", access).check() == f"bucket {bucket} in eu-west-1, can be written and read"
    assert s3_client(access).list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_bucket_is_a_wrong_setting(access: AwsAccess, source: Path) -> None:
    blobs = S3Blobs("not-there", "", access)
    for use in (lambda: blobs.put(KEY, source), blobs.check):
        with pytest.raises(Misconfigured, match="not-there") as fault:
            use()
        assert fault.value.code == "not_there"
    with pytest.raises(Misconfigured), blobs.local(KEY):
        pass


def test_a_bucket_that_does_not_answer_is_waited_for(access: AwsAccess, source: Path) -> None:
    blobs = S3Blobs("matter", "", replace(access, endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(Outage, match="does not answer"):
        blobs.put(KEY, source)
    with pytest.raises(Outage, match="does not answer"), blobs.local(KEY):
        pass


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (403, "InvalidAccessKeyId", Misconfigured, "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", Misconfigured, "AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", Misconfigured, "IAM"),
        (403, "RequestTimeTooSkewed", Misconfigured, "clock"),
        (400, "ExpiredToken", Misconfigured, "AWS_SESSION_TOKEN"),
        (400, "AuthorizationHeaderMalformed", Misconfigured, "AWS_REGION to eu-central-1"),
        (503, "SlowDown", ServiceUnavailable, "slow down"),
        (500, "InternalError", Outage, "could not serve"),
    ],
)
def test_what_the_service_refuses_is_said_without_keys(
    access: AwsAccess, source: Path, status: int, code: str, error: type[Exception], said: str
) -> None:
    class Refusing(Handler):
        def do_PUT(self) -> None:
            self.body()
            self.answer(status, f"<Error><Code>{code}</Code></Error>".encode(), x_amz_bucket_region="eu-central-1")

    with serving(Refusing) as url, pytest.raises(error, match=said) as fault:
        S3Blobs("matter", "", replace(access, endpoint_url=url)).put(KEY, source)
    assert access.access_key not in repr(fault.value)
    assert access.secret_key not in f"{fault.value!r} {access!r}"


def test_no_keys_is_a_wrong_setting(access: AwsAccess, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    blobs = S3Blobs("matter", "", AwsAccess(access.region, access.endpoint_url))
    with pytest.raises(Misconfigured, match="AWS_ACCESS_KEY_ID"):
        blobs.put(KEY, source)
