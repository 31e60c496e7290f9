"""The application: all routes over one backend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from pipeline import __version__
from pipeline.api import documents, projects, search, uploads
from pipeline.api.backend import Backend
from pipeline.api.headers import SafeHeaders
from pipeline.api.problems import MEDIA_TYPE, ProblemBody, handle_problems
from pipeline.settings import Settings

ROUTERS = (uploads.router, documents.router, search.router, projects.router)
FAULTS = (400, 401, 403, 404, 408, 410, 413, 415, 422, 429, 500, 503)


def create_app(settings: Settings) -> FastAPI:
    """The application. ``settings`` hold the addresses of database and broker."""
    backend = Backend(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        uploads.sweep(backend.uploads)
        yield
        backend.close()

    app = FastAPI(
        title="nlp-pipeline",
        version=__version__,
        description="Documents in; searchable text, entities and their graph out. Keys: `nlp-pipeline keys create`.",
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        responses={code: {"model": ProblemBody, "content": {MEDIA_TYPE: {}}} for code in FAULTS},
    )
    app.state.backend = backend
    app.add_middleware(SafeHeaders)
    handle_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
