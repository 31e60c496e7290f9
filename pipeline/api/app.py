"""The application: all routes over one backend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from pipeline import __version__
from pipeline.api import (
    decisions,
    documents,
    entities,
    events,
    export,
    keys,
    media,
    pages,
    projects,
    relations,
    search,
    sessions,
    system,
    uploads,
)
from pipeline.api.backend import Backend
from pipeline.api.bodies import SmallBodies
from pipeline.api.headers import LOOPBACK, KnownHosts, SafeHeaders
from pipeline.api.problems import MEDIA_TYPE, ProblemBody, handle_problems
from pipeline.settings import Settings
from pipeline.web.files import Site
from pipeline.web.routes import web_router

ROUTERS = (
    sessions.router,
    uploads.router,
    documents.router,
    pages.router,
    media.router,
    search.router,
    entities.router,
    decisions.router,
    relations.router,
    events.router,
    system.router,
    export.router,
    projects.router,
    keys.router,
)
FAULTS = (400, 401, 403, 404, 408, 410, 413, 415, 421, 422, 429, 500, 503)


def create_app(settings: Settings, *, local: bool = True) -> FastAPI:
    """The application.

    Args:
        settings: with the addresses of database and broker.
        local: whether this machine alone can reach it; it answers to its names then, and to those of API_HOSTS.
    """
    backend = Backend(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        uploads.sweep(backend.uploads)
        async with backend.hub.running(), backend.pictures.swept(backend.changes):
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
    app.add_middleware(SmallBodies, streams={uploads.PATH}, patience=settings.api_upload_patience)
    if local or settings.hosts:
        app.add_middleware(KnownHosts, hosts=LOOPBACK | settings.hosts)
    app.add_middleware(SafeHeaders)
    handle_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(web_router(Site()))
    return app
