"""The broker behind a password and TLS, and Celery's own commands against a real worker there."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from pipeline.errors import Misconfigured
from pipeline.settings import Settings, load_settings
from pipeline.supervisor.probes import ping_broker
from pipeline.wiring import Services
from tests.running import CELERY, ENDED, TEXT, all_completed, all_ended, environment_of, process, processor, submit, until
from tests.standins.tls import Secured, tls_before

WEEK = 7 * 24 * 3600
KEPT = "celery-task-meta-"


@pytest.fixture
def secured(settings: Settings, tmp_path: Path) -> Iterator[Secured]:
    with tls_before(settings.broker, tmp_path) as secured:
        yield secured


def celery(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *CELERY, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def until_kept(broker: "redis.Redis") -> str:
    """The key of a result, once there is one."""
    until = time.monotonic() + 60
    while not (keys := [key for key in broker.scan_iter(f"{KEPT}*") if '"SUCCESS"' in str(broker.get(key))]):
        assert time.monotonic() < until
        time.sleep(0.1)
    return str(keys[0])


@pytest.fixture
def over_tls(settings: Settings, secured: Secured) -> dict[str, str]:
    return environment_of(
        settings,
        CELERY_BROKER_URL=secured.url,
        CELERY_RESULT_BACKEND=secured.url,
        REDIS_CA_CERTS=str(secured.authority),
        CELERY_TASK_IGNORE_RESULT="false",
    )


WORKER = ("worker", "-Q", "graph,entity,text,ocr_pages,ocr,default", "-c", "1", "-n", "worker1@%h")


def test_worker_and_queue_processor_work_over_tls(
    settings: Settings, use: Services, over_tls: dict[str, str], tmp_path: Path
) -> None:
    submit(use, tmp_path, {"broken.pdf": b"%PDF-1.4 and no more"})  # needs no model
    with process(over_tls, tmp_path / "w.log", *CELERY, *WORKER), processor(over_tls, tmp_path / "processor.log"):
        with psycopg.connect(settings.database, autocommit=True) as db:
            until(db, ENDED, all_ended)
        said = celery(over_tls, "inspect", "active_queues")
        assert said.returncode == 0, said.stderr
        assert "worker1@" in said.stdout
        assert "ocr_pages" in said.stdout


def test_purge_says_that_the_database_fills_the_queues_again(environment: dict[str, str]) -> None:
    purged = celery(environment, "purge", "-f")
    assert purged.returncode == 0, purged.stderr
    assert "The database will fill the queues again" in purged.stderr


@pytest.mark.proof
def test_every_command_of_celery_and_a_result_over_tls(
    settings: Settings, use: Services, over_tls: dict[str, str], tmp_path: Path
) -> None:
    over_tls |= {"CELERY_BROKER_URL": "", "CELERY_RESULT_BACKEND": "", "REDIS_URL": over_tls["CELERY_BROKER_URL"]}
    submit(use, tmp_path, {"letter.txt": TEXT.encode()})
    with process(over_tls, tmp_path / "w.log", *CELERY, *WORKER), processor(over_tls, tmp_path / "processor.log"):
        with psycopg.connect(settings.database, autocommit=True) as db:
            until(db, ENDED, all_completed)
            ((document,),) = db.execute("select id::text from documents").fetchall()
        for question, answer in {"active": "- empty -", "stats": '"pool"', "registered": "process_ocr"}.items():
            said = celery(over_tls, "inspect", question)
            assert said.returncode == 0, said.stderr
            assert "worker1@" in said.stdout
            assert answer in said.stdout
        with redis.Redis.from_url(settings.broker, decode_responses=True) as broker:
            key = until_kept(broker)
            assert WEEK - 300 < broker.ttl(key) <= WEEK
        assert celery(over_tls, "result", key.removeprefix(KEPT)).stdout.strip() == document


def test_a_certificate_that_nobody_vouches_for_is_refused(secured: Secured) -> None:
    def broker(url: str, authority: Path | None) -> str:
        return load_settings(_env_file=None, celery_broker_url=url, redis_ca_certs=authority).broker

    ping_broker(broker(secured.url, secured.authority))
    for url, authority in ((secured.url, None), (secured.other_name, secured.authority)):
        with (
            pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"),
            redis.Redis.from_url(broker(url, authority)) as client,
        ):
            client.ping()
        with pytest.raises(Misconfigured):
            ping_broker(broker(url, authority))


def test_celery_itself_refuses_a_stranger(secured: Secured, environment: dict[str, str]) -> None:
    """Celery looks at these variables without asking us."""
    code = """
import redis
from pipeline.celery_app import app
for look in (lambda: app.connection_for_read(connect_timeout=5).connect(), lambda: app.backend.client.ping()):
    try:
        look()
        print("trusted")
    except redis.RedisError as fault:
        print("refused" if "CERTIFICATE_VERIFY_FAILED" in str(fault) else fault)
"""
    for authority, said in (("", ["refused", "refused"]), (str(secured.authority), ["trusted", "trusted"])):
        told = environment | {
            "CELERY_BROKER_URL": secured.url,
            "CELERY_RESULT_BACKEND": secured.url,
            "REDIS_CA_CERTS": authority,
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=told, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.stdout.split() == said, done.stderr
