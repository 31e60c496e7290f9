"""Why a file cannot be read: one code and one sentence for each reason, in a single table."""

from enum import StrEnum

from pipeline.errors import BadDocument


class Fault(StrEnum):
    """Every code that a reader may give to ``BadDocument``."""

    EMPTY_FILE = "empty_file"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TOO_COMPLEX = "too_complex"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    EMPTY_RECORDING = "empty_recording"
    NO_TEXT = "no_text"
    NO_PAGE_IMAGE = "no_page_image"
    NO_SUCH_PAGE = "no_such_page"


SENTENCES = {
    Fault.EMPTY_FILE: "The file is empty (0 bytes); submit the original again.",
    Fault.UNREADABLE: "The file cannot be opened; check that it still exists and that this user may read it.",
    Fault.ENCRYPTED: "The file is protected by a password; remove the protection and submit it again.",
    Fault.DAMAGED: "The file is damaged or incomplete; open it in its own program, save it anew and submit that copy.",
    Fault.UNSUPPORTED: "Files of this kind cannot be read; convert it, for example to PDF, and submit that.",
    Fault.TOO_LARGE: "The file holds more data than the limits allow; split it into smaller files.",
    Fault.TOO_COMPLEX: "The file is nested or packed more deeply than the limits allow; it may be malicious.",
    Fault.TIMEOUT: "Reading the file took longer than the limit allows; split it, or raise the limit.",
    Fault.OUT_OF_MEMORY: "Reading the file needs more memory than the limit allows; split it, or raise the limit.",
    Fault.CRASHED: "The file made its reader crash; it is probably damaged or malicious.",
    Fault.EMPTY_RECORDING: "The recording holds no sound (0 seconds).",
    Fault.NO_TEXT: "No text was found in the file; if it shows text when opened, save it as PDF and submit that.",
    Fault.NO_PAGE_IMAGE: "Pages of this kind of file are text alone; there is no picture of them.",
    Fault.NO_SUCH_PAGE: "The file has no such page.",
}


def bad(fault: Fault, sentence: str = "") -> BadDocument:
    """The error for ``fault``, with its own sentence or a more exact one."""
    return BadDocument(sentence or SENTENCES[fault], fault.value)
