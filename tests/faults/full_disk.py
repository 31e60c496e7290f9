"""The disk of the file store is full as long as the file ``$FULL_WHILE`` exists."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

_copy = shutil.copyfileobj


def _copy_if_there_is_room(*arguments: Any) -> None:  # noqa: ANN401  # handed on
    if Path(os.environ["FULL_WHILE"]).exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _copy(*arguments)


shutil.copyfileobj = _copy_if_there_is_room  # type: ignore[assignment]  # what a fault is for
