"""The one place where text is made fit for storing: it may then be cut, joined and counted without surprises."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n\t]+")
_TABS = re.compile(r" ?\t[ \t]*")
_BLANK_LINES = re.compile(r"\n{3,}")
_UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069<>:"/\\|?*]')


def clean(text: str) -> str:
    r"""Line ends are ``\n``; no NUL and no lone surrogate, which PostgreSQL cannot store. Nothing else changes."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def tidy(text: str) -> str:
    """``clean``, and where a layout was lost: single spaces and tabs, one blank line at most, none at the ends."""
    lines = (_TABS.sub("\t", _SPACES.sub(" ", line)).strip() for line in clean(text).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def safe_name(name: str, default: str) -> str:
    """A file name without folders, control characters or anything a file system minds, 150 characters or less."""
    base = clean(name).replace("\n", " ").replace("\\", "/").rstrip("/").rpartition("/")[2]
    base = _UNSAFE_IN_NAMES.sub("_", base).strip(" .") or default
    if len(base.encode()) <= 150:
        return base
    stem, dot, suffix = base.rpartition(".")
    if not stem or len(suffix.encode()) > 10:
        stem, dot, suffix = base, "", ""
    return stem.encode()[: 149 - len(suffix.encode())].decode(errors="ignore") + dot + suffix
