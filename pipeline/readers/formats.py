"""What kind of file it is, by its content; the name decides only where the content allows two answers."""

import mmap
import re
import zipfile
from enum import StrEnum
from pathlib import Path, PurePath
from typing import NamedTuple

from pipeline.readers.faults import Fault, bad

HEAD = 64 * 1024


class Kind(StrEnum):
    """Which reader takes the file."""

    PDF = "pdf"
    IMAGE = "image"
    DOCX = "docx"
    HTML = "html"
    MAIL = "mail"
    MAILBOX = "mailbox"
    SOUND = "sound"
    TEXT = "text"
    ODF = "odf"
    OFFICE = "office"


class Format(NamedTuple):
    """A kind of file and its media type."""

    kind: Kind
    media_type: str


_MS = "application/vnd.openxmlformats-officedocument."
DOCX_TYPE = _MS + "wordprocessingml.document"

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"%PDF-", Format(Kind.PDF, "application/pdf")),
    (b"\x89PNG\r\n\x1a\n", Format(Kind.IMAGE, "image/png")),
    (b"\xff\xd8\xff", Format(Kind.IMAGE, "image/jpeg")),
    (b"GIF87a", Format(Kind.IMAGE, "image/gif")),
    (b"GIF89a", Format(Kind.IMAGE, "image/gif")),
    (b"II*\0", Format(Kind.IMAGE, "image/tiff")),
    (b"MM\0*", Format(Kind.IMAGE, "image/tiff")),
    (b"II+\0", Format(Kind.IMAGE, "image/tiff")),
    (b"MM\0+", Format(Kind.IMAGE, "image/tiff")),
    (b"fLaC", Format(Kind.SOUND, "audio/flac")),
    (b"OggS", Format(Kind.SOUND, "audio/ogg")),
    (b"ID3", Format(Kind.SOUND, "audio/mpeg")),
    (b"caff", Format(Kind.SOUND, "audio/x-caf")),
    (b"{\\rtf", Format(Kind.OFFICE, "application/rtf")),
)
# RIFF and IFF files name their kind at byte 8, MP4 files their brand.
_CONTAINERS = {
    (b"RIFF", b"WAVE"): Format(Kind.SOUND, "audio/wav"),
    (b"RIFX", b"WAVE"): Format(Kind.SOUND, "audio/wav"),
    (b"RF64", b"WAVE"): Format(Kind.SOUND, "audio/wav"),
    (b"RIFF", b"WEBP"): Format(Kind.IMAGE, "image/webp"),
    (b"FORM", b"AIFF"): Format(Kind.SOUND, "audio/aiff"),
    (b"FORM", b"AIFC"): Format(Kind.SOUND, "audio/aiff"),
}
_PICTURE_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC"}
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_ZIP_MAIN = (
    ("word/", Format(Kind.DOCX, DOCX_TYPE)),
    ("xl/workbook.bin", Format(Kind.OFFICE, "application/vnd.ms-excel.sheet.binary.macroEnabled.12")),
    ("xl/", Format(Kind.OFFICE, _MS + "spreadsheetml.sheet")),
    ("ppt/", Format(Kind.OFFICE, _MS + "presentationml.presentation")),
)
_OLE_STREAMS = (
    ("EncryptedPackage", None),
    ("__properties_version1.0", Format(Kind.OFFICE, "application/vnd.ms-outlook")),
    ("WordDocument", Format(Kind.OFFICE, "application/msword")),
    ("PowerPoint Document", Format(Kind.OFFICE, "application/vnd.ms-powerpoint")),
    ("Workbook", Format(Kind.OFFICE, "application/vnd.ms-excel")),
    ("Book", Format(Kind.OFFICE, "application/vnd.ms-excel")),
)
_HTML = re.compile(
    rb"(?:<\?xml[^>]*\?>|<!--.*?-->|\s)*<(?:!doctype\s+html|html|head|body|title|meta|link|script|style|table|div|p|h[1-6]|frameset)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_INSIDE = re.compile(rb"<(?:html|body)[\s>]", re.IGNORECASE)
_HEADER = re.compile(rb"([!-9;-~]{1,60}):[ \t]?.*")
_MAIL_STRONG = {
    b"received",
    b"message-id",
    b"mime-version",
    b"return-path",
    b"delivered-to",
    b"x-mailer",
    b"x-original-to",
    b"dkim-signature",
}
_MAIL_WEAK = {b"from", b"to", b"cc", b"subject", b"date", b"sender", b"reply-to", b"content-type", b"newsgroups"}
_TEXT_TYPES = {".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
               ".json": "application/json", ".xml": "application/xml"}  # fmt: skip
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\v\b\x1b\x1a")) + b"\x7f"


def sniff(path: Path, name: str) -> Format:
    """Decide the format.

    Raises:
        BadDocument: the file is empty, or nothing here reads its kind.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise bad(Fault.EMPTY_FILE)
    suffix = PurePath(name).suffix.lower()
    found = _by_magic(path, head) or _by_text(head, suffix)
    if found is None:
        raise _unknown(suffix)
    return found


def _by_magic(path: Path, head: bytes) -> Format | None:
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if (container := _CONTAINERS.get((head[:4], head[8:12]))) is not None:
        return container
    if head[4:8] == b"ftyp":
        return _mp4(head[8:12])
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _zip(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole(path)
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        raise _archive()
    return _late_magic(head)


def _late_magic(head: bytes) -> Format | None:
    """Signs that are short, or that do not stand at the very start."""
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return Format(Kind.IMAGE, "image/bmp")
    if head[0] == 0xFF and len(head) > 3 and head[1] & 0xE0 == 0xE0 and head[2] & 0xF0 != 0xF0:
        layer = head[1] & 0x06
        if layer in {0x02, 0x04}:  # MP2 and MP3; the rest would take a byte order mark for sound
            return Format(Kind.SOUND, "audio/mpeg")
        if head[1] & 0xF6 == 0xF0:
            return Format(Kind.SOUND, "audio/aac")
    if re.search(rb"%PDF-\d", head[:1024]) and b" obj" in head and not _HTML.match(head):
        return Format(Kind.PDF, "application/pdf")
    return None


def _mp4(brand: bytes) -> Format:
    if brand in {b"avif", b"avis"}:
        return Format(Kind.IMAGE, "image/avif")
    if brand in _PICTURE_BRANDS:
        raise bad(Fault.UNSUPPORTED, "HEIC pictures cannot be read; save the picture as JPEG and submit that.")
    return Format(Kind.SOUND, "audio/mp4")


def _zip(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mime = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, RuntimeError, OSError) as fault:
        raise bad(Fault.DAMAGED) from fault
    if mime.startswith(b"application/vnd.oasis.opendocument."):
        return Format(Kind.ODF, mime.strip().decode("ascii", "replace"))
    if mime.startswith(b"application/epub+zip"):
        return Format(Kind.OFFICE, "application/epub+zip")
    for prefix, found in _ZIP_MAIN:
        if any(member.startswith(prefix) for member in names):
            return found
    if any(member.endswith(".iwa") or member == "index.xml" for member in names) or "Index.zip" in names:
        raise bad(
            Fault.UNSUPPORTED, "Pages, Numbers and Keynote files cannot be read; export the document as PDF and submit that."
        )
    raise _archive()


def _ole(path: Path) -> Format:
    """Office files before 2007: a small file system whose directory holds names in UTF-16."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for stream, found in _OLE_STREAMS:
            if data.find(stream.encode("utf-16-le") + b"\0\0") >= 0:
                if found is None:
                    raise bad(Fault.ENCRYPTED)
                return found
    raise bad(Fault.UNSUPPORTED)


def _by_text(head: bytes, suffix: str) -> Format | None:
    if not looks_like_text(head):
        return None
    plain = head.removeprefix(b"\xef\xbb\xbf")
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        plain = head[: len(head) & ~1].decode("utf-16", "replace").encode()
    elif order := utf16_order(head):
        plain = head[: len(head) & ~1].decode(order, "replace").encode()
    plain = plain.lstrip()
    if (mail := _mail(plain, suffix)) is not None:
        return mail
    if suffix not in _TEXT_TYPES and (_HTML.match(plain) or (suffix in {".html", ".htm", ".xhtml"} and b"<" in plain)):
        return Format(Kind.HTML, "text/html")
    if plain.startswith(b"<") and _HTML_INSIDE.search(plain[:4096]) and suffix != ".md":
        return Format(Kind.HTML, "text/html")
    if (
        plain.startswith(b"<?xml")
        and b"urn:oasis:names:tc:opendocument" in plain[:4096]
        and b"office:mimetype" in plain[:16384]
    ):
        return Format(Kind.ODF, "application/vnd.oasis.opendocument.text-flat-xml")
    return Format(Kind.TEXT, _TEXT_TYPES.get(suffix, "text/plain"))


def looks_like_text(head: bytes) -> bool:
    """No more than stray control characters; UTF-16 and UTF-32 count as text when they decode."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"} or utf16_order(head):
        return True
    strange = len(head) - len(head.translate(None, _CONTROLS))
    return strange * 50 <= len(head)


def utf16_order(head: bytes) -> str:
    """The codec of UTF-16 without a byte order mark, "" if it is none: nearly every second byte is NUL."""
    pairs = head[: min(len(head), 4096) & ~1]
    if len(pairs) < 8:
        return ""
    first, second = pairs[0::2].count(0) * 2 / len(pairs), pairs[1::2].count(0) * 2 / len(pairs)
    if second > 0.7 and first < 0.05:
        return "utf-16-le"
    return "utf-16-be" if first > 0.7 and second < 0.05 else ""


def _mail(plain: bytes, suffix: str) -> Format | None:
    """Header lines that only mail has; a name ending in .eml makes weaker signs enough."""
    mailbox = plain.startswith(b"From ")
    fields = _header_names(plain)
    strong, weak = len(fields & _MAIL_STRONG), len(fields & _MAIL_WEAK)
    if mailbox and strong + weak >= 2 and plain.count(b"\nFrom ") > 0:
        return Format(Kind.MAILBOX, "application/mbox")
    if (strong and strong + weak >= 2) or (suffix in {".eml", ".mht", ".mhtml"} and strong + weak >= 1):
        return Format(Kind.MAIL, "message/rfc822")
    return None


def _header_names(plain: bytes) -> set[bytes]:
    names: set[bytes] = set()
    for index, line in enumerate(plain.splitlines()):
        if index == 0 and line.startswith((b"From ", b">From ")):
            continue
        if line[:1] in {b" ", b"\t"} and index:
            continue
        if (match := _HEADER.match(line)) is None:
            break
        names.add(match[1].lower())
    return names


def _archive() -> Exception:
    return bad(Fault.UNSUPPORTED, "Archives are not unpacked; unpack the file and submit what it holds.")


def _unknown(suffix: str) -> Exception:
    known = {".pdf", ".docx", ".doc", ".xlsx", ".xls", ".pptx", ".ppt", ".odt", ".jpg", ".jpeg", ".png", ".tif", ".tiff",
             ".wav", ".mp3", ".m4a", ".flac", ".ogg", ".html", ".htm", ".eml", ".msg", ".rtf", ".epub", ".txt"}  # fmt: skip
    return bad(Fault.DAMAGED if suffix in known else Fault.UNSUPPORTED)
