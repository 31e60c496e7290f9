"""What the reading process denies itself before it sees a document. What a system does not offer is passed over."""

import contextlib
import ctypes
import os
import resource
import sys

from pipeline.readers.limits import MEGABYTE, Limits

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_WRITTEN = MEGABYTE
_PROCESSES = 64
_FILES = 64


def shut_in(limits: Limits) -> None:
    """Limit memory, files and processes, and leave the network. Call it before any thread starts."""
    own_namespace = _leave_network()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _WRITTEN)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_DATA, limits.memory * MEGABYTE)
    _limit(resource.RLIMIT_AS, 4 * limits.memory * MEGABYTE)
    if own_namespace:  # elsewhere the count is that of all processes of the user
        _limit(resource.RLIMIT_NPROC, _PROCESSES)


def allow_seconds(seconds: float) -> None:
    """Set the CPU time that may still be used; the process is ended when it is gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (allowed, allowed))


def _leave_network() -> bool:
    """Move into a network of its own, which has no way out; whether the users of it are its own too."""
    if not sys.platform.startswith("linux"):
        return False
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if os.geteuid() == 0 and unshare(_NEW_NET) == 0:
        return False
    return bool(unshare(_NEW_USER | _NEW_NET) == 0)
