"""Projects, and whether the API is well."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pipeline import __version__
from pipeline.api.access import ProjectToRead, Reader
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.errors import PipelineError

router = APIRouter()


class Project(BaseModel):
    """A matter."""

    name: str = Field(examples=["harbour"])
    documents: int
    created_at: datetime


class Projects(BaseModel):
    """All projects that the key sees."""

    projects: list[Project]


class StateCount(BaseModel):
    """How many documents are in a state, at a step."""

    status: str
    step: str
    documents: int


class ProjectReport(BaseModel):
    """What a project holds, and where its documents stand."""

    name: str
    documents: int
    pages: int
    chunks: int
    mentions: int
    entities: int
    relations: int
    states: list[StateCount]


class Health(BaseModel):
    """``ok``, or the code of what is wrong."""

    status: str = Field(examples=["ok"])
    version: str


@router.get("/api/projects", tags=["projects"])
def list_projects(backend: Asked, caller: Reader) -> Projects:
    """Projects that the key sees."""
    rows = backend.catalog.projects(caller.project)
    return Projects(projects=[Project.model_validate(dict(zip(Project.model_fields, row, strict=True))) for row in rows])


@router.get("/api/project", tags=["projects"])
def project_report(backend: Asked, project: ProjectToRead) -> ProjectReport:
    """What a project holds, and where its documents stand."""
    if backend.reports(project).project_id is None:
        raise Problem(404, "There is no such project.", "no_such_project", "List projects: GET /api/projects.")
    return ProjectReport.model_validate(backend.report(project))


@router.get("/health", tags=["health"], responses={503: {"model": Health}})
def health(backend: Asked) -> JSONResponse:
    """Whether the API and its database are well. Needs no key."""
    try:
        backend.catalog.projects("")
    except PipelineError as fault:
        return JSONResponse(Health(status=fault.code, version=__version__).model_dump(), 503)
    return JSONResponse(Health(status="ok", version=__version__).model_dump())
