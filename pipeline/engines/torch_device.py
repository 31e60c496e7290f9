"""What the engines of the extra ``torch`` have in common: whether it is installed, and where they run."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.errors import Misconfigured

EXTRA = "torch"


def installed(package: str) -> str:
    """The version of a package of the extra.

    Raises:
        Misconfigured: it is not installed (``engine_missing``).
    """
    try:
        return version(package)
    except PackageNotFoundError:
        raise missing(package) from None


def imported(module: str, package: str) -> Any:  # noqa: ANN401 - a module of a library that may not be installed
    """A module of a package of the extra.

    Raises:
        Misconfigured: it cannot be imported (``engine_missing``).
    """
    try:
        return import_module(module)
    except ImportError as fault:
        raise missing(package, f": {fault}") from fault


def missing(package: str, why: str = "") -> Misconfigured:
    """What is wrong where the extra is not installed."""
    return Misconfigured(
        f"{package} cannot be loaded{why}. Install the extra {EXTRA}: pip install 'nlp-pipeline[{EXTRA}]'.", "engine_missing"
    )


def chosen(device: str) -> str:
    """``cuda``, ``mps`` or ``cpu``; on the processor an engine has one thread, as all engines have."""
    torch = imported("torch", "torch")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    return device
