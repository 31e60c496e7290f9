"""What goes wrong: one thing at a time, chosen by a seed, done to the processes of one home from outside."""

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.home import Home

WORKERS = ("ocr", "rest")


class Disturbance:
    """Strikes at the processes that the home's state file names.

    Args:
        home: NLP_PIPELINE_HOME.
        seed: chooses what is struck, and when.
        freeze: seconds for which a process is frozen: longer than a lease, so that it wakes with an old token.
        log: takes a line a strike.
    """

    def __init__(self, home: Path, seed: int, freeze: float, log: Path) -> None:
        self._home = Home(home)
        self._chance = random.Random(seed)
        self._freeze = freeze
        self._frozen: list[tuple[float, psutil.Process]] = []
        self._log = log
        self.strikes: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], str]] = {
            "worker": self._kill_worker,
            "machine": self._kill_worker_group,
            "pool child": self._kill_child,
            "queue processor": lambda: self._kill(self._worker("queue_processor")),
            "broker wiped": self._wipe_broker,
            "database": lambda: self._kill_server("postgres"),
            "database restarted": lambda: self._kill_server("postgres", signal.SIGINT),
            "graph": lambda: self._kill_server("arcadedb"),
            "frozen child": lambda: self._freeze_all([self._child()]),
            "frozen worker": self._freeze_worker,
        }

    def pause(self) -> float:
        """Seconds until the next strike."""
        return self._chance.uniform(2, 6)

    @property
    def kinds(self) -> list[str]:
        """All that can be done."""
        return list(self._kinds)

    def strike(self, kind: str = "") -> None:
        """Do one thing, any unless told; nothing if what it would strike is not there now."""
        self.thaw(time.monotonic())
        kind = kind or self._chance.choice(self.kinds)
        with suppress(psutil.NoSuchProcess, Absent, ProcessLookupError):
            what = self._kinds[kind]()
            self.strikes[kind] += 1
            with self._log.open("a") as file:
                file.write(f"{time.time():.2f} {kind}: {what}\n")

    def thaw(self, now: float = float("inf")) -> None:
        """Let go on what was frozen long enough; all without an argument."""
        due = [process for until, process in self._frozen if until <= now]
        self._frozen = [(until, process) for until, process in self._frozen if until > now]
        for process in due:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _worker(self, name: str) -> psutil.Process:
        recorded = self._home.state().workers.get(name)
        if recorded is None or not recorded.alive():
            raise Absent
        return psutil.Process(recorded.pid)

    def _child(self) -> psutil.Process:
        children = self._worker(self._chance.choice(WORKERS)).children()
        if not children:
            raise Absent
        return self._chance.choice(children)

    def _kill(self, process: psutil.Process, number: signal.Signals = signal.SIGKILL) -> str:
        process.send_signal(number)
        return str(process.pid)

    def _kill_worker(self) -> str:
        return self._kill(self._worker(self._chance.choice(WORKERS)))

    def _kill_worker_group(self) -> str:
        main = self._worker(self._chance.choice(WORKERS))
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return " ".join(str(process.pid) for process in processes)

    def _kill_child(self) -> str:
        return self._kill(self._child())

    def _freeze_worker(self) -> str:
        main = self._worker(self._chance.choice(WORKERS))
        return self._freeze_all([main, *main.children()])

    def _freeze_all(self, processes: list[psutil.Process]) -> str:
        until = time.monotonic() + self._freeze
        for process in processes:
            process.suspend()
            self._frozen.append((until, process))
        return " ".join(str(process.pid) for process in processes)

    def _kill_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> str:
        record = self._home.state().servers[name]
        if record.process is None or not record.alive():
            raise Absent
        return self._kill(psutil.Process(record.process.pid), number)

    def _wipe_broker(self) -> str:
        # Under the lock of those who start servers: it must not come back before its data is gone.
        with self._home.lock("servers", 60):
            killed = self._kill_server("valkey")
            psutil.wait_procs([psutil.Process(int(killed))] if psutil.pid_exists(int(killed)) else [], 5)
            shutil.rmtree(self._home.state().servers["valkey"].data / "appendonlydir", ignore_errors=True)
        return killed


class Absent(Exception):
    """What is to be struck is not there now."""
