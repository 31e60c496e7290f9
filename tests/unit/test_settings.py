from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

from pipeline.celery_app import celery_settings
from pipeline.errors import Misconfigured
from pipeline.settings import Settings, load_settings

SECRET = "s3cr3t-word"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*(field.upper() for field in Settings.model_fields), "REDIS_URL", "CELERY_REDIS_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def settings() -> Settings:
    return load_settings(_env_file=None)


def test_with_nothing_set_every_server_is_embedded() -> None:
    assert (settings().broker, settings().database, settings().neo4j_uri) == ("", "", "")


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_REDIS_URL", "REDIS_URL"])
def test_the_broker_has_the_names_of_the_earlier_system(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "redis://queue:6380/1")
    assert settings().broker == "redis://queue:6380/1"


def test_the_name_that_celery_knows_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://other/0")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://queue/0")
    assert settings().broker == "redis://queue/0"


@pytest.mark.parametrize("password", ["plain", "p@ss/w:o#r d?%41"])
def test_the_broker_can_be_given_in_parts(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("REDIS_HOST", "queue")
    assert settings().broker == "redis://queue:6379/0"
    monkeypatch.setenv("REDIS_PORT", "6380")
    monkeypatch.setenv("REDIS_PASSWORD", password)
    parts = urlsplit(settings().broker)
    assert (parts.hostname, parts.port, unquote(parts.password or "")) == ("queue", 6380, password)


def test_times_are_seconds_or_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_TASK_SOFT_TIME_LIMIT", "90")
    monkeypatch.setenv("CELERY_TASK_TIME_LIMIT", "PT2M")
    assert settings().celery_task_soft_time_limit == timedelta(seconds=90)
    assert settings().celery_task_time_limit == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CELERY_TASK_TIME_LIMIT", "7200", "must be below CELERY_VISIBILITY_TIMEOUT"),
        ("CELERY_TASK_SOFT_TIME_LIMIT", "3601", "must not be above CELERY_TASK_TIME_LIMIT"),
        ("CELERY_TASK_TIME_LIMIT", SECRET, "CELERY_TASK_TIME_LIMIT: "),
        ("LEASE_DURATION", "inf", "LEASE_DURATION: "),
        ("LEASE_DURATION", "2", "LEASE_DURATION must be 3 seconds or more"),
        ("LEASE_DURATION", "3600", "LEASE_DURATION must be below CELERY_TASK_TIME_LIMIT"),
        ("REPAIR_AFTER", "1", "REPAIR_AFTER must be 2 seconds or more"),
        ("POLL_INTERVAL", "21", "POLL_INTERVAL must not be above LEASE_DURATION and REPAIR_AFTER"),
        ("POLL_INTERVAL", "0", "POLL_INTERVAL: "),
        ("DOCUMENTS_IN_FLIGHT", "0", "DOCUMENTS_IN_FLIGHT: "),
        ("LARGE_DOCUMENT_PAGES", "0", "LARGE_DOCUMENT_PAGES: "),
        ("LARGE_DOCUMENT_SIZE", "0", "LARGE_DOCUMENT_SIZE: "),
        ("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT", "-1", "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT: "),
        ("OCR_ENGINE", SECRET, "OCR_ENGINE: "),
        ("CHUNK_TOKENS", "1", "CHUNK_TOKENS: "),
        ("REDIS_PORT", SECRET, "REDIS_PORT: "),
    ],
)
def test_a_wrong_value_is_refused_by_its_name_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=told) as caught:
        settings()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"BLOB_STORE": "s3"}, "set S3_BUCKET"),
        ({"BLOB_STORE": "supabase", "SUPABASE_URL": "https://abc.supabase.co"}, "needs SUPABASE_URL, SUPABASE_KEY"),
        ({"OCR_ENGINE": "textract"}, "set S3_BUCKET"),
        ({"TEXTRACT_QUEUE_URL": "https://sqs/queue"}, "set all or none"),
        ({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, "AWS_SECRET_ACCESS_KEY belong together"),
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, "AWS_ACCESS_KEY_ID and"),
    ],
)
def test_what_a_service_needs_is_asked_for_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=told) as caught:
        settings()
    assert SECRET not in str(caught.value)


def test_the_region_has_both_names_of_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert settings().aws_region == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert settings().aws_region == "us-east-1"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("CELERY_TASK_TIME_LIMIT", "")
    assert settings().database == ""
    assert settings().celery_task_time_limit == timedelta(hours=1)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://me:{SECRET}@host/db"
    for name in ("DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD", "NEO4J_PASSWORD", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, url)
    found = settings()
    assert found.database == url
    assert SECRET not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"
    hidden = [name for name, value in found if isinstance(value, SecretStr)]
    assert len(hidden) == 5


def test_settings_are_frozen_and_every_one_is_explained() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().chunk_tokens = 20
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_prices_are_json_or_the_path_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"mind": {"input": 2.5, "output": 10}, "eyes": {"page": 0.0015}}'
    file = tmp_path / "prices.json"
    file.write_text(text)
    prices = {"mind": {"input": 2.5, "output": 10.0}, "eyes": {"page": 0.0015}}
    for value in (text, str(file)):
        monkeypatch.setenv("PRICES", value)
        assert load_settings(_env_file=None).prices == prices


@pytest.mark.parametrize(
    "value",
    ["nowhere.json", "{", "{}{}", '{"mind": {}}', '{"mind": {"inputs": 1}}', '{"m": {"page": -1}}', '{"m": {"page": "x"}}',
     '{"mind": {"page": NaN}}', '{"mind": 3}'],
)  # fmt: skip
def test_prices_that_are_none_are_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICES", value)
    with pytest.raises(Misconfigured, match="PRICES"):
        load_settings(_env_file=None)


def test_a_tls_broker_is_checked_by_its_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://:pw@queue:6380/1")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "rediss://:pw@results:6380/2?ssl_cert_reqs=CERT_REQUIRED")
    assert settings().broker == "rediss://:pw@queue:6380/1?ssl_cert_reqs=required"
    (tmp_path / "authority.pem").write_text("")
    monkeypatch.setenv("REDIS_CA_CERTS", str(tmp_path / "authority.pem"))
    with_authority = f"?ssl_cert_reqs=required&ssl_ca_certs={tmp_path}/authority.pem"
    assert settings().broker == "rediss://:pw@queue:6380/1" + with_authority
    assert settings().results == "rediss://:pw@results:6380/2" + with_authority


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_OPTIONAL", "ssl_check_hostname=false"])
def test_a_certificate_that_is_not_checked_is_refused(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setenv("REDIS_URL", f"rediss://:{SECRET}@queue:6380/1?{query}")
    with pytest.raises(Misconfigured, match="lets anybody answer") as fault:
        settings()
    assert SECRET not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "value", "conf", "told"),
    [
        ("CELERY_RESULT_BACKEND", "redis://results/3", "result_backend", "redis://results/3"),
        ("CELERY_WORKER_CONCURRENCY", "16", "worker_concurrency", 16),
        ("CELERY_WORKER_PREFETCH_MULTIPLIER", "4", "worker_prefetch_multiplier", 4),
        ("CELERY_WORKER_MAX_TASKS_PER_CHILD", "1000", "worker_max_tasks_per_child", 1000),
        ("CELERY_TASK_TIME_LIMIT", "3900", "task_time_limit", 3900),
        ("CELERY_TASK_SOFT_TIME_LIMIT", "3400", "task_soft_time_limit", 3400),
        ("CELERY_TASK_IGNORE_RESULT", "false", "task_ignore_result", False),
        ("REDIS_URL", "redis://queue/1", "broker_url", "redis://queue/1"),
        ("LOG_LEVEL", "INFO", "result_expires", 7 * 24 * 3600),
    ],
)
def test_celery_is_told_what_the_earlier_systems_settings_say(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, conf: str, told: object
) -> None:
    monkeypatch.setenv(name, value)
    assert celery_settings(settings())[conf] == told
