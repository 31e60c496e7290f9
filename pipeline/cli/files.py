"""Which files a person means, and what they are called in the project."""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A file, or why it cannot be had."""

    path: Path
    fault: str = ""


def find_files(paths: Sequence[Path], without: Collection[Path] = ()) -> Iterator[Found]:
    """The files among ``paths`` and below them, sorted, each once; hidden ones only where they are named themselves.

    Args:
        paths: files and folders.
        without: folders that are passed over, e.g. our own.
    """
    seen: set[tuple[int, int]] = set()
    own = {folder.resolve() for folder in without}
    for path in paths:
        yield from _walk(path.absolute(), seen, own)


def source_path(path: Path, base: Path) -> str:
    """What a file is called in its project: its path from ``base`` if it lies below, else its whole path.

    The leading / is left out. So files from different places never share a name.
    """
    whole = Path(os.path.normpath(path.absolute()))  # resolve() would follow links: a file is called as it was typed
    name = whole.relative_to(base) if whole.is_relative_to(base) else whole.relative_to(whole.anchor)
    return storable(name.as_posix())


def storable(name: str) -> str:
    r"""A file's name as it can be stored: UTF-8, undecodable bytes written as ``\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _walk(path: Path, seen: set[tuple[int, int]], without: Collection[Path]) -> Iterator[Found]:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            # A folder that is reached a second time, by a symbolic link, would never end.
            if (status.st_dev, status.st_ino) in seen or path.resolve() in without:
                return
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as fault:
        yield Found(path, fault.strerror or str(fault))
        return
    if stat.S_ISDIR(status.st_mode):
        for entry in entries:
            yield from _walk(entry, seen, without)
    elif stat.S_ISREG(status.st_mode):
        yield Found(path)
    else:
        yield Found(path, "Not a file: a device, pipe or socket")
