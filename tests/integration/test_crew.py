"""Who looks after workers and servers does not give up at the first start that fails."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from neo4j import Driver

from pipeline.endpoints import Endpoints
from pipeline.home import Home
from tests.program import Place
from tests.servers import temporary_home


def until_said(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    pytest.fail(f"{words!r} was never said: {said}")


def test_a_server_that_does_not_start_is_tried_again(
    endpoints: Endpoints, database_url: str, graph: Driver, tmp_path: Path
) -> None:
    others = endpoints.environment() | {"DATABASE_URL": database_url}
    del others["CELERY_BROKER_URL"]
    with temporary_home() as home:
        place = Place(home, **others)
        with place.start("workers") as process:
            until_said(process, "Workers run.")
            broker = Home(home).state().servers["valkey"]
            assert broker.process
            spoiled = broker.data / "appendonlydir" / "appendonly.aof.manifest"
            with Home(home).lock("servers"):
                os.kill(broker.process.pid, signal.SIGKILL)
                spoiled.write_text("what is no manifest")
            until_said(process, "It is tried again.")
            with Home(home).lock("servers", 60):
                shutil.rmtree(spoiled.parent)
            until_said(process, "The server valkey had ended; it was started again.")
            process.send_signal(signal.SIGTERM)
        assert place.processes() == []
