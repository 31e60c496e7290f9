"""Files of which a client may ask for a range."""

from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from pipeline.api.problems import problem

FAULTS = {400: ("This is no range of bytes.", "bad_byte_range"), 416: ("The file has no such range.", "no_such_range")}
ADVICE = "Leave out the header Range, or keep within the file's size."


class RangedFile(FileResponse):
    """A file, or a range of it; what is wrong with a range is told as any other fault."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        told = False

        async def tell(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start" and message["status"] in FAULTS:
                told = True
                said, code = FAULTS[message["status"]]
                size = Headers(raw=message["headers"]).get("content-range")
                headers = {"Content-Range": size} if size else {}
                await problem(message["status"], said, code, ADVICE, headers=headers)(scope, receive, send)
            elif not told:
                await send(message)

        await super().__call__(scope, receive, tell)
