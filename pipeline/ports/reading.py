"""What turns files into pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pipeline.model import Engine, FailedPage, ObjectPlace, Page, PageImage, ReadEvent, Sound, Usage


class Reader(Protocol):
    """Turns a file into pages of text, or into images and sound that an engine must read."""

    @property
    def engine(self) -> Engine:
        """Name and version of the reader, for fingerprints."""

    def read(self, path: Path, name: str, pages: range | None = None) -> Iterator[ReadEvent]:
        """Yield one ``DocumentInfo``, then pages in order (``Page``, ``PageImage`` or ``Sound``) and attachments.

        Args:
            path: the file; its format is decided by its content.
            name: the file's name as submitted; a hint only.
            pages: numbers of the only pages to be opened, without attachments; an empty range: attachments alone. Only for
                files whose ``DocumentInfo.pages`` is not 0; of others nothing follows the information.

        Raises:
            BadDocument: the file cannot be read; ``code`` says why.
        """

    def close(self) -> None:
        """Give back processes."""


class PageDrawer(Protocol):
    """Makes pictures of pages, as the reader of the same file sees them: the boxes of their words fit. Thread-safe."""

    def draw(self, path: Path, name: str, number: int, width: int) -> PageImage:
        """A picture of one page.

        Args:
            path: the file; its format is decided by its content.
            name: the file's name as submitted; a hint only.
            number: of the page, from 1.
            width: in pixels; less where the original has less, or where the picture would be too large.

        Raises:
            BadDocument: there is no picture; ``no_page_image`` where the format has none, ``no_such_page`` after the last.
            ServiceUnavailable: no process can be started for it.
        """

    def close(self) -> None:
        """Give back processes."""


class OcrEngine(Protocol):
    """Reads the text of a page's image."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def recognize(self, image: PageImage) -> Page:
        """The page's text in reading order, with words, boxes and confidence.

        Raises:
            ServiceUnavailable: the engine cannot be reached; an outage never looks like an empty page.
        """


class DocumentOcr(Protocol):
    """Reads whole files where they lie, by itself: hand in now, look later. Thread-safe."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def admit(self, media_type: str, size: int, pages: int = 0) -> None:
        """Refuse a file that the service would refuse; ``size`` in bytes, 0 pages if they were not counted.

        Raises:
            BadDocument: format, size or number of pages are not served (``unsupported_format``, ``too_large``,
                ``too_many_pages``).
        """

    def usage(self, pages: int) -> Usage:
        """What reading so many pages uses, for the books."""

    def submit(self, place: ObjectPlace, token: str, tag: str = "") -> str:
        """Start a job; the same file and token give the same job, so that asking twice is paid for once.

        Args:
            place: where the file lies.
            token: what the job is for, such as the document's id and content; any length.
            tag: comes back with the notice of the job's end; up to 64 letters, digits, ``_.-:``.

        Returns:
            What ``check`` wants to know the job by, up to 80 characters.

        Raises:
            Throttled: too many calls, or too many jobs at once.
            Misconfigured: the service may not be used, or may not read the file.
        """

    def check(self, job: str, waited: float) -> Iterator[Page | FailedPage]:
        """The pages in order, one by one, and those that could not be read.

        Args:
            job: as ``submit`` returned it.
            waited: seconds since it was submitted.

        Raises:
            NotReady: the job still runs; ``check_again_in`` grows with ``waited``. Raised by the call itself.
            BadDocument: the service could not read the file.
            ServiceUnavailable: also while pages come: begin again. With code ``job_lost`` the job is no more: submit
                anew, with another token.
        """


class SpeechEngine(Protocol):
    """Turns a recording into text."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech, and the language.

        Silence gives the text ""; the language is ISO 639-1, "" if unknown.
        """
