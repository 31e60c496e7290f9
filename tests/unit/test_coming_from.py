"""What docs/coming-from.md calls today's is there: commands, settings, queues, tasks, states."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from celery.bin.celery import celery
from click.core import Group

from pipeline.celery_app import celery_settings
from pipeline.cli.main import COMMANDS, cli
from pipeline.queues import WORKER_TYPES
from pipeline.settings import Settings, load_settings
from pipeline.status import Status, parse_status

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
ALIASES = {"REDIS_URL", "CELERY_REDIS_URL"}
TASKS = {str(task) for worker in WORKER_TYPES for task in worker.tasks}
QUEUES = {worker.name for worker in WORKER_TYPES}


def table(heading: str) -> list[tuple[list[str], list[str]]]:
    """Of each row what stands in code: earlier and today."""
    section = GUIDE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(codes(row[0]), codes(row[1])) for row in rows[1:]]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def today(heading: str) -> set[str]:
    return {name for _, names in table(heading) for name in names}


@pytest.mark.parametrize("command", sorted(today("Commands")))
def test_a_command_of_today_is_there(command: str) -> None:
    words = command.split()
    if words[0] == "nlp-pipeline":
        assert words[1] in COMMANDS
        context = cli.make_context("nlp-pipeline", [words[1], "--help"], resilient_parsing=True)
        found = cli.get_command(context, words[1])
        assert found
        options = {option for parameter in found.params for option in parameter.opts}
        inner = set(found.commands) if isinstance(found, Group) else set()
        given = [word for word in words[2:] if word.islower()]
        values = {str(value) for parameter in found.params for value in getattr(parameter.type, "choices", ())}
        assert [word for word in given if word not in options | inner | values] == []
    elif words[0] == "celery":
        assert words[1:3] == ["-A", "pipeline.celery_app"]
        assert words[3] in {*celery.commands, "flower"}
        assert {name for w, name in pairwise(words) if w == "-Q"} <= {*QUEUES, "ocr_pages,ocr"}
    elif words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    elif words[0] == "systemctl":
        assert (ROOT / "deploy" / "systemd" / words[-1]).is_file()
    elif words[0] == "redis-cli":
        assert words[2] in QUEUES
    else:
        path = words[1] if words[0] == "python" else words[0]
        assert (ROOT / path).is_file()


def test_settings_queues_tasks_and_states_of_today_are_there() -> None:
    names = {name.upper() for name in Settings.model_fields} | ALIASES
    assert today("Settings") <= names
    assert today("Queues and workers") <= QUEUES
    assert {name for name in today("Tasks") if " " not in name} <= TASKS
    for state in today("States of a document"):
        parse_status(state)


def test_nothing_of_today_is_left_out() -> None:
    """All that users of the earlier systems set, serve and see."""
    assert set(Status) <= today("States of a document")
    assert today("Queues and workers") == QUEUES
    told = celery_settings(load_settings(_env_file=None, celery_broker_url="redis://localhost/0"))
    assert told["task_acks_late"]
    assert told["task_track_started"]


@pytest.mark.parametrize(
    ("heading", "earlier"),
    [
        ("Settings", "REDIS_URL CELERY_BROKER_URL CELERY_RESULT_BACKEND CELERY_WORKER_CONCURRENCY CELERY_TASK_TIME_LIMIT"),
        ("Settings", "CELERY_TASK_SOFT_TIME_LIMIT CELERY_WORKER_PREFETCH_MULTIPLIER CELERY_WORKER_MAX_TASKS_PER_CHILD"),
        ("Settings", "CELERY_REDIS_URL REDIS_HOST REDIS_PORT REDIS_PASSWORD"),
        ("Queues and workers", "ocr text entity graph default document_processing chunk_processing"),
        ("Tasks", "process_ocr check_textract_job_status create_document_node process_chunking extract_entities"),
        ("Tasks", "resolve_entities build_relationships process_chunk_task aggregate_chunks_task"),
        (
            "States of a document",
            "pending queued extracting processing_chunks completed partial_error error cancelled ocr_failed",
        ),
    ],
)
def test_everything_of_the_earlier_systems_has_its_row(heading: str, earlier: str) -> None:
    assert set(earlier.split()) <= {name for names, _ in table(heading) for name in names}
