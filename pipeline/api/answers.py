"""What is answered, field by field; the first four as the earlier OCR back end had them."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from pipeline.api import progress
from pipeline.status import FAMILIES, Family, Status, Step
from pipeline.stores.catalog import Facts

ID = "6f1c2d7e-0a5b-4c3d-8e9f-102132435465"
Format = Literal["pdf", "image", "audio", "email", "office", "html", "text"]
TaskState = Literal["PENDING", "STARTED", "PROCESSING", "SUCCESS", "FAILURE", "RETRY"]


class Uploaded(BaseModel):
    """A file that is safely here."""

    document_id: str = Field(examples=[ID])
    filename: str = Field(examples=["letter.pdf"])
    source_path: str = Field(description="Its path in the project.", examples=["box 3/letter.pdf"])
    status: str = Field("queued", description="`queued`, or where a document stands that was known already.")
    task_id: str = Field(description="Id of the work on it: the document's own.", examples=[ID])
    message: str


class RefusedFile(BaseModel):
    """A file that was not taken, and why."""

    filename: str
    code: str = Field(examples=["empty_file"])
    detail: str


class Upload(Uploaded):
    """The first file that was taken, all that were, and those that were not."""

    documents: list[Uploaded]
    refused: list[RefusedFile] = []


class Task(BaseModel):
    """The work on a document."""

    task_id: str
    state: TaskState
    info: dict[str, Any] = Field(description="Stage, step, tries, and what is waited for.")


class DocumentStatus(BaseModel):
    """Where a document stands."""

    document_id: str = Field(examples=[ID])
    status: Status
    progress_percentage: float = Field(ge=0, le=100)
    task: Task
    error_message: str | None
    updated_at: datetime

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """From a document's facts."""
        return cls(**status_fields(facts))


class RealTimeProgress(BaseModel):
    """Page ranges of the document (a small one is one range)."""

    total_chunks: int
    completed_chunks: int
    failed_chunks: int
    processing_chunks: int
    overall_progress: float


class ChunkDetail(BaseModel):
    """A page range: pending, processing, completed or failed."""

    status: Literal["pending", "processing", "completed", "failed"]
    error: str | None


class DocumentProgress(DocumentStatus):
    """Where a document and each of its page ranges stand."""

    metadata: dict[str, Any]
    real_time_progress: RealTimeProgress
    chunk_details: dict[str, ChunkDetail] = Field(examples=[{"1": {"status": "completed", "error": None}}])

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """From a document's facts with its page ranges."""
        return cls(
            **status_fields(facts),
            metadata=facts["metadata"],
            real_time_progress=RealTimeProgress.model_validate(progress.real_time_progress(facts)),
            chunk_details={key: ChunkDetail.model_validate(d) for key, d in progress.chunk_details(facts).items()},
        )


class Fault(BaseModel):
    """Why a document did not complete."""

    code: str = Field(examples=["encrypted"])
    message: str


class DocumentLine(BaseModel):
    """A document in a list."""

    document_id: str = Field(examples=[ID])
    project: str
    filename: str
    source_path: str
    status: Status
    stage: Family
    progress_percentage: float
    error: Fault | None
    waiting_for: str | None
    size: int
    media_type: str
    format: Format | None = Field(description="Null: it was not read yet.")
    language: str
    category: str
    page_count: int
    chunk_count: int
    mention_count: int
    parent_id: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """From a document's facts."""
        return cls(**line_fields(facts))


class Documents(BaseModel):
    """A page of a list; ``next_cursor`` leads to the next, null: there is none."""

    documents: list[DocumentLine]
    next_cursor: str | None


class Handled(BaseModel):
    """What became of a document: cancelled, ended, queued, completed, on_its_way, deleted."""

    document_id: str
    source_path: str
    outcome: Literal["cancelled", "ended", "queued", "completed", "on_its_way", "deleted"]


def status_fields(facts: Facts) -> dict[str, Any]:
    """Fields of ``DocumentStatus``."""
    return {
        "document_id": facts["document_id"],
        "status": facts["status"],
        "progress_percentage": progress.percentage(facts),
        "task": progress.task(facts),
        "error_message": facts["error_message"],
        "updated_at": facts["updated_at"],
    }


def line_fields(facts: Facts) -> dict[str, Any]:
    """Fields of ``DocumentLine``."""
    fault = {"code": facts["error_code"], "message": facts["error_message"] or ""} if facts["error_code"] else None
    return {
        **{name: facts[name] for name in DocumentLine.model_fields.keys() & facts.keys()},
        "stage": FAMILIES[Step(facts["step"])],
        "progress_percentage": progress.percentage(facts),
        "error": fault,
    }
