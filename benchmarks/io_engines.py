"""Engines that wait for a service: limits kept, nothing lost, nothing paid for twice, many calls at once.

usage: python benchmarks/io_engines.py [--texts 300] [--limit 60] [--window 60] [--seconds 20]

(a) Two processes of 25 threads put all texts, each process all of them, to a stand-in that allows ``limit`` requests in any
    ``window`` seconds, refuses 5 % of the calls, fails at 2 %, is silent at 1 % and breaks its JSON at 1 %. Who is told to
    come later comes later.
(b) One second of latency, no limit: 100 greenlets (under gevent) and 100 threads, one process each.
Limits are kept in the embedded broker, books and answers in the embedded database, as workers keep them.
Prints a table; the last line is one JSON object.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipeline.engines.remote.finder import RemoteFinder

ROOT = Path(__file__).parents[1]
TRIES = 200
PEOPLE = ("Clara Berger", "Anna Novak", "David Castillo", "Irene Moreau", "Louis Ortega")
PLACES = ("Porto", "Vienna", "Antwerp", "Oslo", "Trieste")


class Servers(NamedTuple):
    """Their URLs."""

    broker: str
    database: str


def text_of(number: int, run: str) -> str:
    """A short text of its own."""
    chance = random.Random(number)
    one, other = chance.sample(PEOPLE, 2)
    return f"Note {number} of {run}.\n\n{one} works for Northgate Bank. {other} met {one} in {chance.choice(PLACES)}."


def finder_of(standin: str, servers: Servers, run: str, options: dict[str, Any]) -> "RemoteFinder":
    """The engine as a worker has it."""
    from pipeline.engines.remote.calling import Caller, Office
    from pipeline.engines.remote.endpoint import Endpoint
    from pipeline.engines.remote.finder import RemoteFinder
    from pipeline.stores.answers import RedisAnswers
    from pipeline.stores.database import Database
    from pipeline.stores.kept_answers import KeptAnswers
    from pipeline.stores.rate_limits import Limit, RedisRateLimits
    from pipeline.stores.usage import DatabaseMeter

    database = Database(servers.database)
    limits = RedisRateLimits(servers.broker, {run: Limit(options["limit"])}, window=options["window"])
    endpoint = Endpoint("test-model", "test-key", standin, run, timeout=options["timeout"])
    office = Office(limits, DatabaseMeter(database), KeptAnswers(database, RedisAnswers(servers.broker)))
    return RemoteFinder(Caller(endpoint, office))


def put(finder: "RemoteFinder", text: str, done: Counter[str]) -> None:
    """Ask about a text as a task does: come again as told."""
    from pipeline.errors import ServiceUnavailable, Throttled

    for _ in range(TRIES):
        try:
            finder.extract(text)
        except Throttled as fault:
            done["told to come later"] += 1
            time.sleep(fault.retry_after)
        except ServiceUnavailable:
            done["tried again"] += 1
            time.sleep(random.uniform(0.5, 1.5))
        else:
            done["answered"] += 1
            return
    done["lost"] += 1


def worker(standin: str, servers: Servers, run: str, options: dict[str, Any]) -> None:
    """Many threads or greenlets in one process; prints what they did as JSON."""
    finder, done, numbers = finder_of(standin, servers, run, options), Counter[str](), count()
    finder.extract(text_of(-1, run))  # the client library alone takes seconds to import
    deadline = time.monotonic() + options["seconds"]

    def work() -> None:
        time.sleep(random.random())  # tasks do not all arrive at one moment
        while time.monotonic() < deadline and (number := next(numbers)) < options["texts"]:
            put(finder, text_of(number, run), done)

    began, cpu = time.monotonic(), time.process_time()
    threads = [threading.Thread(target=work) for _ in range(options["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, **done}))


@contextmanager
def standing_in(*options: str) -> Iterator[str]:
    """The stand-in as a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.standins.openai", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def workers(number: int, standin: str, servers: Servers, run: str, **options: object) -> list[dict[str, float]]:
    """What each of ``number`` processes says."""
    command = [
        sys.executable,
        __file__,
        "--standin",
        standin,
        "--run",
        run,
        "--options",
        json.dumps(options),
    ]
    environment = os.environ | {"BENCH_SERVERS": json.dumps(servers), "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    return [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]


def report(standin: str) -> dict[str, Any]:
    """The stand-in's own books."""
    with urllib.request.urlopen(standin.removesuffix("/v1") + "/report") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def limited(servers: Servers, texts: int, limit: int, window: float) -> dict[str, float]:
    """Part (a)."""
    faults = ("--throttled", ".05", "--failing", ".02", "--hanging", ".01", "--broken", ".01", "--hang", "30")
    options = {"texts": texts, "limit": limit, "window": window, "timeout": 5.0, "threads": 25, "seconds": 1e9, "pool": ""}
    with standing_in("--limit", str(limit), "--window", str(window), "--latency", ".3", *faults) as standin:
        done = workers(2, standin, servers, f"limited-{time.time():.0f}", **options)
        books = report(standin)
    seconds = max(each["seconds"] for each in done)
    print(
        f"(a) {texts} texts, {limit} requests in {window:g} s: {seconds:.0f} s, {books['calls']} calls {books['by_status']},"
    )
    later, again = (sum(each.get(what, 0) for each in done) for what in ("told to come later", "tried again"))
    print(
        f"    busiest window {books['busiest_window']}; told to come later {later:.0f} times, tried again {again:.0f} times"
    )
    return {
        "lost": texts + 1 - books["answered"] + sum(int(each.get("lost", 0)) for each in done),
        "paid_twice": books["paid_twice"],
        "limit_overshoot": max(0.0, round(books["busiest_window"] / limit - 1, 4)),
        "seconds_limited": round(seconds, 1),
    }


def unlimited(servers: Servers, seconds: float, pool: str) -> float:
    """Part (b): calls a second."""
    options = {"texts": 10**6, "limit": 0, "window": 60.0, "timeout": 30.0, "threads": 100, "seconds": seconds, "pool": pool}
    with standing_in("--latency", "1") as standin:
        [done] = workers(1, standin, servers, f"{pool}-{time.time():.0f}", **options)
        books = report(standin)
    rate = float(books["answered"] / done["seconds"])
    print(
        f"(b) 100 {pool}, 1 s of latency: {books['answered']} calls in {done['seconds']:.1f} s, {rate:.1f} a second, "
        f"{1000 * done['cpu'] / books['answered']:.1f} ms of CPU a call"
    )
    return rate


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--window", type=float, default=60.0, help="seconds that the limit is meant for")
    parser.add_argument("--seconds", type=float, default=20.0)
    for name in ("standin", "run", "options"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.options:
        worker(chosen.standin, Servers(*json.loads(os.environ["BENCH_SERVERS"])), chosen.run, json.loads(chosen.options))
        return
    sys.path.insert(0, str(ROOT))
    from tests.servers import fresh_database, make_template, on_broker, running_servers

    with running_servers() as endpoints, fresh_database(endpoints, make_template(endpoints)) as database:
        servers = Servers(on_broker(endpoints, 15), database)
        figures = limited(servers, chosen.texts, chosen.limit, chosen.window)
        rates = {pool: unlimited(servers, chosen.seconds, pool) for pool in ("greenlets", "threads")}
    print(
        json.dumps({"calls_per_second": round(rates["greenlets"], 1), "with_threads": round(rates["threads"], 1)} | figures)
    )


if __name__ == "__main__":
    if "--options" in sys.argv and '"greenlets"' in sys.argv[sys.argv.index("--options") + 1]:
        from gevent import monkey

        monkey.patch_all()
    main()
