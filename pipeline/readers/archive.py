"""Office files are zip archives and may be bombs: what is taken from one is counted while it is unpacked."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from pipeline.readers.faults import Fault, bad
from pipeline.readers.limits import MEGABYTE, Limits

_UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError)
_BLOCK = 1 << 20
_HARMLESS = 10 * MEGABYTE


class Archive:
    """A zip archive under limits."""

    def __init__(self, file: zipfile.ZipFile, limits: Limits) -> None:
        self._file = file
        self._left = limits.unpacked_size * MEGABYTE
        self.names = frozenset(file.namelist())

    def read(self, name: str) -> bytes:
        """Unpack one member.

        Raises:
            BadDocument: it is damaged, encrypted, or more than the limits allow.
        """
        pieces = []
        try:
            with self._file.open(name) as member:
                while piece := member.read(_BLOCK):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise bad(Fault.TOO_LARGE)
                    pieces.append(piece)
        except RuntimeError as fault:  # what zipfile raises for a member with a password
            raise bad(Fault.ENCRYPTED) from fault
        except _UNREADABLE as fault:
            raise bad(Fault.DAMAGED) from fault
        return b"".join(pieces)

    def optional(self, name: str) -> bytes:
        """A member that may be missing: then nothing."""
        return self.read(name) if name in self.names else b""

    def xml(self, name: str) -> etree._Element:
        """One member as XML."""
        return parsed(self.read(name))


def parsed(content: bytes) -> etree._Element:
    """XML without entities, network or document type; small damage is mended.

    Raises:
        BadDocument: it is damaged beyond mending, nested too deeply, or declares entities.
    """
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content[:4096]:
        raise bad(Fault.TOO_COMPLEX)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    root = etree.fromstring(content, parser)
    if any("depth" in str(entry.message) for entry in parser.error_log):
        raise bad(Fault.TOO_COMPLEX)
    if root is None:
        raise bad(Fault.DAMAGED)
    return root


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace; "" for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Archive]:
    """The archive, after a look at what its directory promises.

    Raises:
        BadDocument: damaged, encrypted, or more members, data or compression than the limits allow.
    """
    try:
        file = zipfile.ZipFile(path)
    except _UNREADABLE as fault:
        raise bad(Fault.DAMAGED) from fault
    with file:
        _check(file.infolist(), limits)
        yield Archive(file, limits)


def _check(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.members:
        raise bad(Fault.TOO_COMPLEX)
    if sum(member.file_size for member in members) > limits.unpacked_size * MEGABYTE:
        raise bad(Fault.TOO_LARGE)
    for member in members:
        if member.file_size > _HARMLESS and member.file_size > limits.ratio * max(member.compress_size, 1):
            raise bad(Fault.TOO_COMPLEX)
        if member.flag_bits & 0x1:
            raise bad(Fault.ENCRYPTED)
