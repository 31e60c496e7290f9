"""A run that is stopped or killed loses nothing: the next one does what is left, and the result is the same."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exports import read_export
from tests.program import Place

PROJECT = "stopped"
NAMES = (
    "01-dredging-contract.docx", "02-council-minutes.pdf", "04-invoice-thread.eml", "06-surveyor-letter.txt",
    "07-field-notes.md",
)  # fmt: skip
PATHS = [f"samples/ravensport/{name}" for name in NAMES]
DOCUMENTS = len(NAMES) + 2
STEPS = 6
PATIENCE = 60


@pytest.fixture(scope="module")
def undisturbed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run exports that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    place.run("run", *PATHS, "--project", PROJECT, "--out", out)
    return content(out)


def content(out: Path) -> dict[str, bytes]:
    assert len(read_export(out).documents) == DOCUMENTS
    return {path.name: path.read_bytes() for path in out.iterdir()}


def until_one_is_done(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("done "):
            return
    pytest.fail("the run ended before a document did")


def test_a_run_that_is_stopped_and_then_killed_ends_as_if_nothing_had_happened(
    new_place: Callable[..., Place], undisturbed: dict[str, bytes], out: Path
) -> None:
    # One document at a time, so that some are left when the first is done.
    place = new_place(LEASE_DURATION="6", REPAIR_AFTER="10", DOCUMENTS_IN_FLIGHT="1")
    with place.start("run", *PATHS, "--project", PROJECT) as process:
        until_one_is_done(process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "The same command goes on where it stopped." in said
    assert "Traceback" not in said
    assert place.processes() == []
    with place.start("run", *PATHS, "--project", PROJECT) as process:
        until_one_is_done(process)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert place.processes() != []
    said = place.run("run", *PATHS, "--project", PROJECT, "--out", out)
    assert 0 < said.count("\ndone ") <= DOCUMENTS - 2
    assert place.processes() == []
    done = [row for row in place.history() if row[2] == "done"]
    assert len(done) == len(set(done)) == DOCUMENTS * STEPS
    assert content(out) == undisturbed
