"""Flower, Celery's web page about workers and tasks: on this machine alone, and behind a password."""

import os
import socket
import sys
from importlib.util import find_spec

import click

from pipeline.errors import Misconfigured
from pipeline.home import Home
from pipeline.settings import Settings, load_settings

USER = "admin"
ADDRESS, PORT = "127.0.0.1", 5555


def command(settings: Settings, address: str = ADDRESS, port: int = PORT) -> list[str]:
    """Its command line, without the password.

    Raises:
        Misconfigured: it is not installed.
    """
    if find_spec("flower") is None:
        raise Misconfigured("Flower is not installed: pip install 'nlp-pipeline[flower]'", "not_installed")
    return [
        sys.executable, "-m", "celery", "-A", "pipeline.celery_app", "flower", f"--address={address}", f"--port={port}",
        f"--logging={settings.log_level}",
    ]  # fmt: skip


def check_port(address: str = ADDRESS, port: int = PORT) -> None:
    """Say in one sentence what Flower would tell in many.

    Raises:
        Misconfigured: it cannot listen there.
    """
    try:
        socket.create_server((address, port)).close()
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno and fault.errno > 0 else str(fault)
        raise Misconfigured(
            f"Flower cannot listen on {address}:{port}: {reason}. Elsewhere: nlp-pipeline flower --port N.", "port"
        ) from None


def environment(settings: Settings) -> dict[str, str]:
    """Its password, which other users cannot read there; made once, kept with those of the servers."""
    return {"FLOWER_BASIC_AUTH": f"{USER}:{Home(settings.home).password('flower')}"}


def where(settings: Settings, address: str = ADDRESS, port: int = PORT) -> str:
    """Where a person finds page and password."""
    return f'Flower: http://{address}:{port}, user {USER}, password under "flower" in {Home(settings.home).secrets}'


@click.command()
@click.option(
    "--address", default=ADDRESS, show_default=True, help="Where it listens; other machines can reach any other address."
)
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="On which port.")
def flower(address: str, port: int) -> None:
    r"""Run Flower, Celery's web page about workers and tasks, behind a password.

    It takes the place of this process.

    User admin; the password is made once and stands in secrets.json under NLP_PIPELINE_HOME. FLOWER_BASIC_AUTH=USER:PASSWORD
    sets another.

    \b
    Example:
      nlp-pipeline flower
      ssh -L 5555:127.0.0.1:5555 server
    """
    settings = load_settings()
    Home(settings.home).create()
    words = command(settings, address, port)
    check_port(address, port)
    own = os.environ.get("FLOWER_BASIC_AUTH")
    click.echo(where(settings, address, port) if not own else f"Flower: http://{address}:{port}")
    sys.stdout.flush()
    os.execve(words[0], words, os.environ if own else os.environ | environment(settings))
