"""Named statements from a file of SQL or Cypher: a line ``-- name: x`` or ``// name: x`` begins statement ``x``."""

import re
from importlib.resources import files

_NAME = re.compile(r"^(?:--|//) name: (\w+)[ \t]*$", re.MULTILINE)


def load_statements(path: str) -> dict[str, str]:
    """Read the statements of a file below ``pipeline/stores``, by name.

    Raises:
        ValueError: two statements have one name.
    """
    _, *parts = _NAME.split((files("pipeline.stores") / path).read_text(encoding="utf-8"))
    names = parts[::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a name stands twice")
    return {name: text.strip().rstrip(";") for name, text in zip(names, parts[1::2], strict=True)}
