"""Flower, Celery's web page about workers and tasks: on this machine alone, and behind a password."""

import sys
from importlib.util import find_spec

from pipeline.errors import Misconfigured
from pipeline.home import Home
from pipeline.settings import Settings

USER = "admin"
ADDRESS, PORT = "127.0.0.1", 5555


def command(settings: Settings) -> list[str]:
    """Its command line, without the password.

    Raises:
        Misconfigured: it is not installed.
    """
    if find_spec("flower") is None:
        raise Misconfigured("Flower is not installed: pip install 'nlp-pipeline[flower]'", "not_installed")
    return [
        sys.executable, "-m", "celery", "-A", "pipeline.celery_app", "flower", f"--address={ADDRESS}", f"--port={PORT}",
        f"--logging={settings.log_level}",
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """Its password, which other users cannot read there; made once, kept with those of the servers."""
    return {"FLOWER_BASIC_AUTH": f"{USER}:{Home(settings.home).password('flower')}"}


def where(settings: Settings) -> str:
    """Where a person finds page and password."""
    return f'Flower: http://{ADDRESS}:{PORT}, user {USER}, password under "flower" in {Home(settings.home).secrets}'
