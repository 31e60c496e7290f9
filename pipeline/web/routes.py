"""Routes of the web page: its places, which all answer with the same shell, and its files."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from pipeline.web.files import Asset, Site

PAGES = (
    "/",
    "/login",
    "/documents/{document_id}",
    "/search",
    "/entities",
    "/entities/{entity_id}",
    "/graph",
    "/status",
    "/keys",
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self';"
    " connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
METHODS = ["GET", "HEAD"]
FOR_EVER = "public, max-age=31536000, immutable"
ASKED_ANEW = "no-cache"


def web_router(site: Site) -> APIRouter:
    """Routes over the files of ``site``; none of them needs a key."""
    router = APIRouter(include_in_schema=False)

    def page(request: Request) -> Response:
        return _answer(request, site.index, {"Cache-Control": ASKED_ANEW, "Content-Security-Policy": POLICY})

    def file(request: Request, version: str, path: str) -> Response:
        asset = site.asset(version, path)
        if asset is None:
            raise HTTPException(404)
        return _answer(request, asset, {"Cache-Control": FOR_EVER, "Content-Security-Policy": POLICY})

    for path in PAGES:
        router.add_api_route(path, page, methods=METHODS)
    router.add_api_route("/static/{version}/{path:path}", file, methods=METHODS)
    return router


def _answer(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    headers |= {"ETag": asset.etag, "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.zipped, media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.media_type, headers=headers)
