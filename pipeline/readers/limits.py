"""How much of this machine one document may take."""

import json
from dataclasses import asdict, dataclass
from typing import Self

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Plain options of the readers; sizes in MB, times in seconds."""

    dpi: int = 200
    """Resolution at which pages without text are rendered; lowered for pages above ``page_pixels``."""
    memory: int = 896
    """Most memory of the reading process."""
    seconds: float = 300.0
    """Most CPU time, and most time spent waiting for the reading process, for one document."""
    step_seconds: float = 45.0
    """Longest silence of the reading process between two pages or attachments."""
    file_size: int = 512
    """Largest file."""
    text_size: int = 64
    """Most text of one document, as UTF-8."""
    image_pixels: int = 120_000_000
    """Largest image that is decoded."""
    page_pixels: int = 40_000_000
    """Largest image that is handed on; a larger one is made smaller."""
    pages: int = 20_000
    """Most pages of one document."""
    attachments: int = 500
    """Most attachments taken from one document."""
    attachment_size: int = 512
    """Most data of all attachments of one document."""
    unpacked_size: int = 512
    """Most data unpacked from one office file."""
    members: int = 10_000
    """Most files inside one office file."""
    ratio: int = 200
    """Highest compression ratio of a file inside an office file that unpacks to more than 10 MB."""
    mail_parts: int = 2_000
    """Most parts of one mail."""
    sound_seconds: int = 4 * 3600
    """Longest recording."""

    def to_json(self) -> str:
        """As one line, for the reading process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The counterpart of ``to_json``."""
        return cls(**json.loads(line))
