"""Remote engines in a process that gevent has patched, as the worker with many greenlets is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.openai import Behaviour, OpenAIStandIn

pytestmark = pytest.mark.servers

WORKER = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from pipeline.engines.remote.calling import Caller, Office
from pipeline.engines.remote.endpoint import Endpoint
from pipeline.engines.remote.finder import RemoteFinder
from pipeline.stores.answers import RedisAnswers
from pipeline.stores.rate_limits import Limit, RedisRateLimits

standin, broker = sys.argv[1:]
limits = RedisRateLimits(broker, {"api": Limit(20)}, window=2)
office = Office(limits, None, RedisAnswers(broker))
finder = RemoteFinder(Caller(Endpoint("test-model", "test-key", standin, "api"), office))
texts = [f"Note {n}. Clara Berger met Anna Novak." for n in range(30)] * 3
found = gevent.joinall([gevent.spawn(finder.extract, text) for text in texts], raise_error=True)
assert [len(each.value.mentions) for each in found] == [3] * 90, [len(each.value.mentions) for each in found]
print("done")
"""


def test_ninety_greenlets_get_their_answers_and_pay_once(broker_url: str) -> None:
    with OpenAIStandIn(Behaviour(limit=20, window=2.0, latency=0.2)) as standin:
        command = [sys.executable, "-W", "ignore", "-c", WORKER, standin.url, broker_url]
        ran = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=240, check=False
        )
        assert (ran.stdout, ran.returncode) == ("done\n", 0), ran.stderr
        report = standin.report()
    assert (report["answered"], report["paid_twice"]) == (30, 0)
