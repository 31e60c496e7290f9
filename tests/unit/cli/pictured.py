"""A made-up moment, the same each time, to be shown."""

import socket
import time
from dataclasses import replace

import pytest

from pipeline.model import Pause
from pipeline.monitor.broker import Answer, Heard
from pipeline.monitor.snapshot import Facts, Snapshot, compose
from pipeline.monitor.workers import Local
from pipeline.queues import WORKER_TYPES
from pipeline.status import Status, Step
from pipeline.stores.reports import StateCount
from pipeline.stores.watching import AtWork, Failed, Listed, Load, Pace, Seen, Trouble

AT = 1_795_339_353.0
MEGABYTE = 1 << 20
LAST = Step.BUILD_RELATIONSHIPS
MINUTES = tuple([0] * 12 + [3, 8, 14, 21, 30, 34, 33, 36, 31, 29, 35, 38] * 4)
LETTER = "letters/1919/from the harbour master to the council about the dredging.pdf"
SEEN = Seen(
    states=(
        StateCount(Status.PENDING, Step.PROCESS_OCR, 98_204),
        StateCount(Status.EXTRACTING, Step.PROCESS_OCR, 3),
        StateCount(Status.PROCESSING, Step.EXTRACT_ENTITIES, 2),
        StateCount(Status.PROCESSING, LAST, 4),
        StateCount(Status.COMPLETED, LAST, 5011),
        StateCount(Status.PARTIAL_ERROR, LAST, 2),
        StateCount(Status.ERROR, Step.PROCESS_OCR, 14),
    ),
    pace=Pace(MINUTES, 3, 330, 600.0),
    pending_seconds=7312.0,
    tasks={
        "process_ocr": Load(0, 1, None),
        "process_pages": Load(4, 2, 41.0),
        "extract_entities": Load(1, 1, 0.4),
        LAST: Load(4, 0, 95.0),
    },
    at_work=(
        AtWork("ocr@vm/311", "1", "harbour", LETTER, "process_ocr", 12.2, 0.8, 19.2),
        AtWork("ocr@vm/312", "2", "harbour", "reports/annual.pdf", "process_pages", 3.1, 3.1, 16.9),
        AtWork("ocr@other/99", "3", "bank", "ledger.tif", "process_pages", 75.0, 31.0, -11.0),
        AtWork("rest@vm/401", "4", "harbour", "mail/07.eml", "extract_entities", 0.4, 0.4, 19.6),
    ),
    waits=(("The queue graph is paused.", 4),),
    failures=(
        Failed(
            "5",
            "harbour",
            "scans/contract.pdf",
            Status.ERROR,
            Step.PROCESS_OCR,
            "encrypted",
            "It is protected by a password.",
            12.0,
        ),
        Failed(
            "6",
            "bank",
            "book.pdf",
            Status.PARTIAL_ERROR,
            LAST,
            "pages_failed",
            "Pages 7-9 could not be read: damaged.",
            340.0,
        ),
        Failed("7", "bank", "talk.mp3", Status.ERROR, Step.PROCESS_OCR, "worker_killed", "The worker died 3 times.", 1900.0),
    ),
    troubles=(Trouble("3", "bank", "ledger.tif", Step.PROCESS_OCR, "crashed", "ocr@other/98", "vanished", "", 200.0),),
    stale_graphs=1,
    pauses=(Pause("graph", (LAST, "refresh_graph"), 95.0),),
    queue_processors=1,
    listed=(
        Listed("2", "harbour", "reports/annual.pdf", Status.PROCESSING_CHUNKS, Step.PROCESS_OCR, "", 3.1),
        Listed("1", "harbour", LETTER, Status.EXTRACTING, Step.PROCESS_OCR, "", 12.2),
        Listed("8", "harbour", "mail/08.eml", Status.PROCESSING, LAST, "The queue graph is paused.", 95.0),
        Listed("9", "bank", "ledgers/1918 1919.tif", Status.QUEUED, Step.PROCESS_OCR, "", 40.0),
    ),
)
HEARD = Heard(
    {"default": 0, "ocr": 12, "ocr_pages": 4, "text": 0, "entity": 1, "graph": 0},
    4,
    {
        "ocr@vm": Answer(310, ("ocr", "ocr_pages"), 2, 812 * MEGABYTE),
        "rest@vm": Answer(400, ("default", "entity", "graph", "text"), 4, 1650 * MEGABYTE),
    },
)
WORKERS = (
    Local("ocr", 310, runs=True, memory=0),
    Local("rest", 400, runs=True, memory=0),
    Local("queue_processor", 300, runs=True, memory=101 * MEGABYTE),
)
SERVERS = (Local("valkey", 200, runs=True, memory=9 * MEGABYTE), Local("postgres", 201, runs=True, memory=210 * MEGABYTE))
FACTS = Facts(SEEN, HEARD, WORKERS, SERVERS, {})


def snapshot(monkeypatch: pytest.MonkeyPatch, facts: Facts = FACTS, project: str | None = None) -> Snapshot:
    """The moment, on a machine called vm."""
    monkeypatch.setattr(socket, "gethostname", lambda: "vm")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return compose(facts, WORKER_TYPES, project, AT)


def quiet(facts: Facts = FACTS) -> Facts:
    """The same where nothing went wrong."""
    seen = replace(SEEN, at_work=(SEEN.at_work[0],), failures=SEEN.failures[:1], troubles=(), pauses=(), waits=())
    return facts._replace(seen=seen)
