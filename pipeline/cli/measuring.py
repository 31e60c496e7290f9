"""What files hold that services would be paid for, measured with the reader alone."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.cli.files import Found, source_path
from pipeline.cli.intake import Refused
from pipeline.engines.ocr.picture import is_blank, picture_of
from pipeline.engines.remote.pieces import pieces
from pipeline.engines.remote.questions import about
from pipeline.engines.remote.tokens import count
from pipeline.errors import BadDocument
from pipeline.model import Attachment, DocumentInfo, Page, PageImage, ReadEvent, Sound
from pipeline.ports import Reader

BYTES_A_SECOND = 32_000
"""Of a ``Sound``."""
CHARACTERS_A_TOKEN = 4
TOKENS_A_PAGE = 500
TOKENS_A_SECOND = 3.5
"""Of text that is only known when it has been read or heard: a full page of print, and 150 words a minute."""


@dataclass(slots=True)
class Measures:
    """Of all files together. ``images``: pages without text of their own; ``whole``: all pages of the files that have one.

    ``passages``: pieces of text in which a language model is asked; ``answers``: tokens of its answers.
    """

    documents: int = 0
    pages: int = 0
    images: int = 0
    whole: int = 0
    seconds: float = 0.0
    tokens: int = 0
    passages: int = 0
    asked: int = 0
    answers: int = 0
    refused: list[Refused] = field(default_factory=list)


class Measuring:
    """Reads files, and what is attached to them.

    Args:
        reader: opens them.
        piece: characters of text that a language model gets at once.
        deepest: how deep attachments are followed.
    """

    def __init__(self, reader: Reader, piece: int, deepest: int) -> None:
        self._reader = reader
        self._piece = piece
        self._deepest = deepest
        self.found = Measures()

    def take(self, files: Iterable[Found]) -> Iterator[int]:
        """Measure one after the other; yields how many were looked at. What cannot be read is noted."""
        for number, file in enumerate(files, 1):
            name = source_path(file.path, Path.cwd())
            if file.fault:
                self.found.refused.append(Refused(name, f"{file.fault}."))
            else:
                self._file(file.path, name, 0)
            yield number

    def _file(self, path: Path, name: str, depth: int) -> None:
        try:
            self._events(self._reader.read(path, PurePosixPath(name).name), name, depth)
        except BadDocument as fault:
            self.found.refused.append(Refused(name, fault.message))
        else:
            self.found.documents += 1

    def _events(self, events: Iterable[ReadEvent], name: str, depth: int) -> None:
        found, pages, images, text = self.found, 0, 0, list[str]()
        for event in events:
            match event:
                case DocumentInfo():
                    pages = event.pages
                case Page():
                    found.pages += 1
                    text.append(event.text)
                case PageImage():
                    found.pages += 1
                    images += not is_blank(picture_of(event).convert("L"))
                case Sound():
                    found.seconds += len(event.samples) / BYTES_A_SECOND
                    self._unread(len(event.samples) / BYTES_A_SECOND * TOKENS_A_SECOND)
                case Attachment():
                    self._attachment(event, name, depth)
        found.images += images
        found.whole += max(pages, images) if images else 0
        self._text("\f".join(text))
        self._unread(images * TOKENS_A_PAGE)

    def _attachment(self, attachment: Attachment, name: str, depth: int) -> None:
        if depth >= self._deepest:
            return
        with tempfile.NamedTemporaryFile(prefix="attachment-") as file:
            file.write(attachment.content)
            file.flush()
            self._file(Path(file.name), f"{name}/{attachment.name.replace('/', '_') or 'attachment'}", depth + 1)

    def _text(self, text: str) -> None:
        self.found.tokens += count(text)
        for start, end in pieces(text, self._piece):
            question = about(text[start:end])
            self.found.passages += 1
            self.found.asked += question.tokens - question.answer
            self.found.answers += question.answer

    def _unread(self, tokens: float) -> None:
        """Text that is not known yet, in passages of the usual length."""
        if tokens <= 0:
            return
        usual = self._piece / CHARACTERS_A_TOKEN
        passages = max(1, round(tokens / usual))
        self.found.tokens += round(tokens)
        self.found.passages += passages
        self.found.asked += round(tokens) + passages * about("").tokens
        self.found.answers += round(tokens)
