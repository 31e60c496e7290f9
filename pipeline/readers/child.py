"""The reading process: takes paths on its standard input, answers with events. Started by ``SandboxReader`` alone."""

import importlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TypedDict

from pipeline.errors import BadDocument
from pipeline.model import DocumentInfo, PageImage, ReadEvent
from pipeline.readers import jail, wire
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format, Kind, sniff
from pipeline.readers.limits import MEGABYTE, Limits

_READERS = {
    Kind.PDF: ("pdf", "read"),
    Kind.IMAGE: ("image", "read"),
    Kind.DOCX: ("docx", "read"),
    Kind.HTML: ("web_page", "read"),
    Kind.MAIL: ("mail", "read"),
    Kind.MAILBOX: ("mail", "read_mailbox"),
    Kind.SOUND: ("sound", "read"),
    Kind.TEXT: ("text", "read"),
    Kind.ODF: ("odf", "read"),
    Kind.OFFICE: ("office", "read"),
}
_BY_PAGE = {Kind.PDF, Kind.IMAGE}


class Request(TypedDict):
    """A file to be read; ``path`` in hexadecimal digits, ``pages`` as first and one after the last.

    With a ``width`` the first of the pages is to be drawn instead.
    """

    path: str
    name: str
    pages: list[int] | None
    width: int | None


def main() -> None:
    """Answer requests until the input ends."""
    limits = Limits.from_json(sys.argv[1])
    jail.shut_in(limits)
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not end up between the frames
    requests: SimpleQueue[Request] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    _send(out, {"kind": "ready"}, b"")
    while True:
        request = requests.get()
        jail.allow_seconds(limits.seconds)
        _answer(request, limits, out)


def _listen(requests: SimpleQueue[Request]) -> None:
    """Pass requests on; the end of the input means that whoever started this process is gone."""
    with open(0, "rb", buffering=0) as lines:  # unbuffered: a thread that holds a buffer's lock disturbs the exit
        for line in lines:
            requests.put(json.loads(line))
    os._exit(0)


def _answer(request: Request, limits: Limits, out: int) -> None:
    path, pages = Path(os.fsdecode(bytes.fromhex(request["path"]))), request["pages"]
    try:
        if pages and request["width"]:
            _send(out, *wire.encode(draw(path, request["name"], limits, pages[0], request["width"])))
        else:
            for event in read(path, request["name"], limits, None if pages is None else range(*pages)):
                _send(out, *wire.encode(event))
        end: wire.Header = {"kind": "end"}
    except BadDocument as fault:
        end = _error(fault)
    except MemoryError:
        end = _error(bad(Fault.OUT_OF_MEMORY))
    except RecursionError:
        end = _error(bad(Fault.TOO_COMPLEX))
    _send(out, end, b"")


def read(path: Path, name: str, limits: Limits, pages: range | None = None) -> Iterator[ReadEvent | None]:
    """Read one file here, or some of its pages, without any protection; see ``ports.Reader``.

    Raises:
        BadDocument: the file cannot be read.
    """
    found = _format(path, name, limits)
    if pages is not None and found.kind not in _BY_PAGE:
        yield DocumentInfo(found.media_type)
        return
    module, function = _READERS[found.kind]
    some = {} if pages is None else {"pages": pages}
    yield from getattr(importlib.import_module(f"pipeline.readers.{module}"), function)(path, found, limits, **some)


def draw(path: Path, name: str, limits: Limits, number: int, width: int) -> PageImage:
    """Draw one page here, without any protection; see ``ports.PageDrawer``.

    Raises:
        BadDocument: there is no picture of it.
    """
    found = _format(path, name, limits)
    if found.kind not in _BY_PAGE:
        raise bad(Fault.NO_PAGE_IMAGE)
    module, _ = _READERS[found.kind]
    drawn: PageImage = importlib.import_module(f"pipeline.readers.{module}").draw(path, number, width, limits)
    return drawn


def _format(path: Path, name: str, limits: Limits) -> Format:
    try:
        size = path.stat().st_size
        found = sniff(path, name)
    except OSError as fault:
        raise bad(Fault.UNREADABLE) from fault
    if size > limits.file_size * MEGABYTE:
        raise bad(Fault.TOO_LARGE)
    return found


def _error(fault: BadDocument) -> wire.Header:
    return {"kind": "error", "code": fault.code, "message": fault.message}


def _send(out: int, header: wire.Header, body: bytes) -> None:
    for piece in (wire.pack(header, body), body):
        view = memoryview(piece)
        while view:
            view = view[os.write(out, view) :]


if __name__ == "__main__":
    main()
