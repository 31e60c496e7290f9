"""Passages that answer a question."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.api.access import ProjectToRead
from pipeline.api.backend import Asked
from pipeline.ports import Charge, charging
from pipeline.stores.reports import MARK_END, MARK_START

router = APIRouter(tags=["search"])
Limit = Annotated[int, Query(ge=1, le=100)]


class PassageFound(BaseModel):
    """A passage with where it stands; ``highlights`` are [start, end] of matching words within ``text``."""

    document_id: str
    filename: str
    source_path: str
    chunk_id: str
    start: int
    end: int
    score: float
    heading: str
    text: str
    highlights: list[tuple[int, int]]
    page: int | None
    seconds: float | None = Field(description="In a recording: from its start.")


class Passages(BaseModel):
    """The best first."""

    results: list[PassageFound]


@router.get("/api/search")
def search(
    backend: Asked,
    project: ProjectToRead,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="Words or a question.", examples=["who paid?"])],
    limit: Limit = 10,
) -> Passages:
    """Find passages by their words and by their meaning."""
    if backend.reports(project).project_id is None:
        return Passages(results=[])
    with charging(Charge(project=project)):
        (found,) = backend.use.embeddings.asked([q], partial(backend.catalog.passages, project, limit=limit))
    return Passages(results=[PassageFound.model_validate(passage | _marks(passage["marked"])) for passage in found])


def _marks(marked: str) -> dict[str, Any]:
    """The text without its marks, and where they stood."""
    text, places = "", []
    for number, part in enumerate(marked.split(MARK_START)):
        match, _, rest = part.partition(MARK_END) if number else ("", "", part)
        if number:
            places.append((len(text), len(text) + len(match)))
        text += match + rest
    return {"text": text, "highlights": places}
