"""Where a document stands, in the words of the earlier OCR back end: task states, percentages, page ranges."""

from typing import Any

from pipeline.status import FAMILIES, Status, Step
from pipeline.stores.catalog import Facts

READING = 50.0  # of a hundred: what reading takes of a document's way
TASK_STATES = {
    Status.PENDING: "PENDING",
    Status.QUEUED: "PENDING",
    Status.EXTRACTING: "STARTED",
    Status.PROCESSING_CHUNKS: "PROCESSING",
    Status.PROCESSING: "PROCESSING",
    Status.COMPLETED: "SUCCESS",
    Status.PARTIAL_ERROR: "SUCCESS",
    Status.ERROR: "FAILURE",
    Status.CANCELLED: "FAILURE",
}
RANGE_STATES = {"waiting": "pending", "running": "processing", "done": "completed", "failed": "failed"}


def task_state(facts: Facts) -> str:
    """PENDING, STARTED, PROCESSING, SUCCESS, FAILURE or RETRY."""
    status = Status(facts["status"])
    tried_again = facts["retries"] and not facts["running"] and TASK_STATES[status] not in {"SUCCESS", "FAILURE"}
    return "RETRY" if tried_again else TASK_STATES[status]


def percentage(facts: Facts) -> float:
    """0 to 100; of a document that failed, how far it came."""
    if facts["status"] in {Status.COMPLETED, Status.PARTIAL_ERROR}:
        return 100.0
    steps = list(Step)
    done = steps.index(Step(facts["step"]))
    if done:
        return round(READING + (100 - READING) * (done - 1) / (len(steps) - 1), 1)
    parts: dict[str, int] = facts["parts"]
    return round(READING * (parts.get("done", 0) + parts.get("failed", 0)) / max(1, sum(parts.values())), 1)


def task(facts: Facts) -> dict[str, Any]:
    """The task that works on the document; a document has one id for all its tasks, which is its own."""
    step = Step(facts["step"])
    waits = {name: facts[name] for name in ("retries", "waiting_for")}
    info = {"stage": FAMILIES[step].value, "step": step.value, **waits}
    return {"task_id": facts["document_id"], "state": task_state(facts), "info": info}


def chunk_details(facts: Facts) -> dict[str, dict[str, str | None]]:
    """Each page range by number; a document that is read as a whole is one."""
    if facts["ranges"]:
        return {str(r["number"]): {"status": RANGE_STATES[r["status"]], "error": r["error"]} for r in facts["ranges"]}
    return {"1": {"status": _as_one(facts), "error": facts["error_message"]}}


def real_time_progress(facts: Facts) -> dict[str, int | float]:
    """How many page ranges stand where."""
    states = [detail["status"] for detail in chunk_details(facts).values()]
    return {
        "total_chunks": len(states),
        "completed_chunks": states.count("completed"),
        "failed_chunks": states.count("failed"),
        "processing_chunks": states.count("processing"),
        "overall_progress": percentage(facts),
    }


def _as_one(facts: Facts) -> str:
    if Step(facts["step"]) is not Step.PROCESS_OCR or percentage(facts) == 100.0:
        return "completed"
    if facts["status"] == Status.ERROR:
        return "failed"
    return "processing" if facts["status"] == Status.EXTRACTING else "pending"
