"""Mail: the headers as lines at the top, the body in the fuller of its forms, the rest as attachments."""

import codecs
import mimetypes
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from pathlib import Path

from pipeline.model import Attachment, DocumentInfo, Page, ReadEvent
from pipeline.readers.clean import clean, safe_name, tidy
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format, utf16_order
from pipeline.readers.limits import Limits
from pipeline.readers.text import decode
from pipeline.readers.web_page import visible_text

_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")
_FOLD = re.compile(r"\s+")
_MAX_HEADER = 20_000
_MAX_DEPTH = 100
_NEXT_MAIL = re.compile(rb"\n\r?\n(?=From [^\n]{3,200}\r?\n[!-9;-~]+:)")


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the mail's headers and body as one page, then its attachments."""
    message = _parsed(path)
    headers = {name: text for name in _HEADERS if (text := _header(message, name))}
    if message_id := _header(message, "Message-ID"):
        headers["Message-ID"] = message_id
    yield DocumentInfo(found.media_type, {name.lower(): text for name, text in headers.items()})
    parts = _Parts(limits)
    body = parts.take(message, 0)
    top = "\n".join(f"{name}: {headers[name]}" for name in _HEADERS if name in headers)
    yield Page(1, f"{top}\n\n{body}".strip("\n"))
    yield from parts.attachments


def _parsed(path: Path) -> Message:
    content = path.read_bytes()
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} or utf16_order(content):
        content = decode(content)[0].encode()
    try:
        return message_from_bytes(content, policy=policy.compat32)
    except RecursionError as fault:
        raise bad(Fault.TOO_COMPLEX) from fault


def read_mailbox(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield each mail of an mbox file as an attachment."""
    yield DocumentInfo(found.media_type)
    mails = _NEXT_MAIL.split(path.read_bytes().lstrip())
    yield Page(1, f"Mailbox with {len(mails)} messages")
    for number, mail in enumerate(mails, 1):
        content = mail.partition(b"\n")[2] if mail.startswith(b"From ") else mail
        yield Attachment(f"message-{number}.eml", content)


class _Parts:
    """Sorts the parts of one mail into text and attachments."""

    def __init__(self, limits: Limits) -> None:
        self.attachments: list[Attachment] = []
        self._limits = limits
        self._count = 0

    def take(self, part: Message, depth: int) -> str:
        """The text of a part and of what is in it; attachments are kept."""
        self._count += 1
        if self._count > self._limits.mail_parts or depth > _MAX_DEPTH:
            raise bad(Fault.TOO_COMPLEX)
        kind = part.get_content_type()
        inner = part.get_payload()
        if kind == "message/rfc822" and isinstance(inner, list):
            self._attach_mails([item for item in inner if isinstance(item, Message)])
            return ""
        if isinstance(inner, list):
            texts = [self.take(item, depth + 1) for item in inner if isinstance(item, Message)]
            return _fuller(texts) if kind == "multipart/alternative" else "\n\n".join(filter(None, texts))
        if _is_body(part):
            return _text(part)
        self._attach(part)
        return ""

    def _attach(self, part: Message) -> None:
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes) or not content:
            return
        suffix = mimetypes.guess_extension(part.get_content_type()) or ".bin"
        self._keep(_filename(part) or f"part-{self._count}{suffix}", content)

    def _attach_mails(self, inner: list[Message]) -> None:
        for mail in inner:
            try:
                content = mail.as_bytes(policy=policy.compat32.clone(max_line_length=None))
            except (UnicodeError, LookupError, ValueError, TypeError):
                content = str(mail).encode("utf-8", "surrogateescape")
            self._keep((_header(mail, "Subject")[:80] or f"message-{self._count}") + ".eml", content)

    def _keep(self, name: str, content: bytes) -> None:
        if len(self.attachments) < self._limits.attachments:
            self.attachments.append(Attachment(safe_name(name, f"part-{self._count}"), content))


def _is_body(part: Message) -> bool:
    if part.get_content_maintype() == "message":
        return part.get_content_type() in {"message/delivery-status", "message/partial", "message/disposition-notification"}
    return part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment" and not _filename(part)


def _fuller(texts: list[str]) -> str:
    """Of alternatives the first, which is the plainest, unless a later one says much more than it."""
    best = ""
    for text in texts:
        if len(text.split()) > 2 * len(best.split()):
            best = text
    return best or next(filter(None, texts), "")


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    raw = content if isinstance(content, bytes) else b""
    declared = part.get_content_charset("") or ""
    if part.get_content_type() == "text/html":
        return visible_text(raw, declared)[1]
    text, _ = decode(raw, declared)
    return (
        tidy(visible_text(text.encode())[1])
        if text.lstrip()[:15].lower().startswith(("<html", "<!doctype html"))
        else clean(text)
    )


def _header(message: Message, name: str) -> str:
    """All headers of that name, decoded and unfolded; damage in them never raises."""
    values = [_decoded(str(value)[:_MAX_HEADER]) for key, value in message.raw_items() if key.lower() == name.lower()]
    return ", ".join(filter(None, values))


def _decoded(value: str) -> str:
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError):
        pieces = [(value, None)]
    text = "".join(piece if isinstance(piece, str) else decode(piece, charset or "")[0] for piece, charset in pieces)
    if any("\udc80" <= char <= "\udcff" for char in text):
        text = decode(text.encode("utf-8", "surrogateescape"))[0]
    return _FOLD.sub(" ", clean(text)).strip()


def _filename(part: Message) -> str:
    try:
        name = part.get_filename("")
    except (ValueError, LookupError, TypeError, AttributeError):
        name = ""
    return _decoded(name or "")
