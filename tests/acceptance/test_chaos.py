"""The short form of ``benchmarks/chaos.py``: whatever is killed, nothing is lost, done twice or different."""

import json
import os
import subprocess
import sys

import pytest

from tests.program import NOT_SET, ROOT

DOCUMENTS = 12  # one of each kind
QUICK = {"LEASE_DURATION": "5", "REPAIR_AFTER": "5", "POLL_INTERVAL": "1"}
PATIENCE = 840


@pytest.mark.timeout(900)
def test_whatever_is_killed_every_document_ends_once_and_the_same() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_SET}
    command = [sys.executable, "benchmarks/chaos.py", "--documents", str(DOCUMENTS), "--seed", "4"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | QUICK,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    said = json.loads(done.stdout.splitlines()[-1])
    assert {name: said[name] for name in ("lost", "stuck", "duplicated", "different")} == {
        "lost": 0, "stuck": 0, "duplicated": 0, "different": 0,
    }  # fmt: skip
    assert said["kills"] >= 2
    assert said["documents"] > DOCUMENTS
