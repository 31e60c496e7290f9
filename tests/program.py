"""The program as a person runs it: a process of its own, in a home of its own, with nothing set."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg

from pipeline.supervisor import Supervisor
from pipeline.supervisor.api import MARKER as API
from pipeline.supervisor.workers import MARKER
from tests.servers import embedded_settings

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).with_name("nlp-pipeline"))
NOT_SET = ("CELERY_BROKER_URL", "CELERY_REDIS_URL", "REDIS_URL", "REDIS_HOST", "DATABASE_URL", "NEO4J_URI", "BLOB_FOLDER")
LONGEST_RUN = 280


class Place:
    """A home, and the program run in it from the root of the checkout.

    Args:
        home: NLP_PIPELINE_HOME.
        settings: variables to set.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.environment = {name: value for name, value in os.environ.items() if name not in NOT_SET}
        self.environment |= {"NLP_PIPELINE_HOME": str(home), "PYTHONUNBUFFERED": "1"} | settings

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [COMMAND, *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, *words: object, code: int = 0) -> str:
        """What a command prints; it must end with ``code``."""
        with self.start(*words) as process:
            said, _ = process.communicate(timeout=LONGEST_RUN)
        assert process.returncode == code, said
        return said

    def processes(self) -> list[str]:
        """Command lines of all processes of this home."""
        return [" ".join(p.info["cmdline"] or [p.info["name"]]) for p in psutil.process_iter(FACTS) if self._owns(p)]

    def _owns(self, process: psutil.Process) -> bool:
        facts = process.info  # what process_iter was asked for
        marked = str(self.home) in map((facts["environ"] or {}).get, (MARKER, API))
        places = [facts["cwd"] or "", *(facts["cmdline"] or [])]
        return marked or any(str(self.home) in place for place in places)

    def history(self) -> list[tuple[str, str, str]]:
        """What was done: path, step and outcome of all projects, in order of path and step."""
        supervisor = Supervisor(embedded_settings(self.home))
        url = supervisor.up(only=("postgres",)).database
        try:
            with psycopg.connect(url) as connection:
                return connection.execute(
                    "select p.name || ':' || d.source_path, h.step::text, h.outcome from document_processing_history h"
                    " join documents d on d.id = h.document_id join projects p on p.id = d.project_id"
                    " order by 1, h.step, h.id"
                ).fetchall()
        finally:
            supervisor.down()

    def end(self) -> None:
        """End whatever still runs."""
        Supervisor(embedded_settings(self.home)).down()


FACTS = ("name", "cmdline", "cwd", "environ")
