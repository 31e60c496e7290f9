"""What services say when they do not answer, in our words: the real client against a stand-in."""

import pickle
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from pipeline.engines.remote.endpoint import Endpoint
from pipeline.engines.remote.faults import OptionRefused, TooLong, Unanswered, pause_asked
from pipeline.engines.remote.finder import RemoteFinder
from pipeline.errors import BadDocument, Misconfigured, PipelineError, Refused, ServiceUnavailable, Throttled
from tests.office import TestOffice
from tests.standins.openai import KEY, Behaviour, OpenAIStandIn, Reply, error

TEXT = "Clara Berger works for Northgate Bank."


@pytest.fixture
def standin() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def desk() -> TestOffice:
    return TestOffice()


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (error(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key"), Refused, "key_refused"),
        (error(403, "Country, region, or territory not supported"), Refused, "no_permission"),
        (error(404, "The model does not exist", "model_not_found"), Misconfigured, "unknown_model"),
        (error(429, "You exceeded your current quota", "insufficient_quota"), Refused, "quota_spent"),
        (error(429, "Slow down", headers={"retry-after": "40"}), Throttled, "throttled"),
        (error(529, "Overloaded", headers={"retry-after": "40"}), Throttled, "overloaded"),
        (error(500, "Oops"), ServiceUnavailable, "server_error"),
        (Reply(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), ServiceUnavailable, "server_error"),
        (Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}), ServiceUnavailable, "bad_answer"),
        (Reply(200, b'{"id": ', {"Content-Type": "application/json"}), ServiceUnavailable, "bad_answer"),
        (Reply(200, {"choices": []}), ServiceUnavailable, "bad_answer"),
        (Reply(hang=0.01), ServiceUnavailable, "unreachable"),
        (Reply(hang=3.0), ServiceUnavailable, "timeout"),
        (error(400, f"Something about {KEY} is odd"), BadDocument, "request_refused"),
    ],
)
def test_faults_are_told_by_what_to_do(
    standin: OpenAIStandIn, desk: TestOffice, reply: Reply, kind: type[PipelineError], code: str
) -> None:
    standin.script.extend([reply] * 3)
    with pytest.raises(PipelineError) as fault:
        RemoteFinder(desk.caller(standin, patience=0.0, timeout=1.0), structure="none").find(TEXT)
    assert (type(fault.value), fault.value.code) == (kind, code)
    assert KEY not in fault.value.message
    assert fault.value.__suppress_context__
    assert len(standin.books.calls) == 1


def test_a_server_that_is_not_there(desk: TestOffice, standin: OpenAIStandIn) -> None:
    with pytest.raises(ServiceUnavailable) as fault:
        RemoteFinder(desk.caller(standin, patience=0.0, base_url="http://127.0.0.1:1/v1")).find(TEXT)
    assert fault.value.code == "unreachable"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "300", "retry-after": "7"}, 0.3),
        ({"retry-after": "1e99"}, 3600),
        ({"retry-after": "-5"}, 0.05),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked(headers) == seconds


def test_how_long_to_wait_until_a_date() -> None:
    wait = pause_asked({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert wait is not None
    assert 28 < wait <= 30


def test_what_is_used_up_is_waited_for(standin: OpenAIStandIn, desk: TestOffice) -> None:
    headers = {
        "x-ratelimit-remaining-requests": "12",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m2s",
    }
    standin.script.append(error(429, "Slow down", headers=headers))
    with pytest.raises(Throttled) as fault:
        RemoteFinder(desk.caller(standin)).find(TEXT)
    assert fault.value.retry_after == 62
    assert desk.turns.pauses == [62]


def test_a_short_fault_is_waited_out(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.script.extend([error(429, "…", headers={"retry-after": "0.1"}), error(500, "…"), Reply(hang=0.01)])
    assert RemoteFinder(desk.caller(standin)).find(TEXT)
    assert len(standin.books.calls) == 4
    assert desk.turns.pauses == [0.1]
    assert len(desk.ledger.used) == 1


def test_a_lasting_one_is_told(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.behaviour.failing = 1.0
    with pytest.raises(ServiceUnavailable):
        RemoteFinder(desk.caller(standin, patience=1.0), structure="none").find(TEXT)
    assert 1 < len(standin.books.calls) <= 6
    assert desk.ledger.used == []


def test_azure_is_called_as_azure_wants_it(standin: OpenAIStandIn, desk: TestOffice) -> None:
    address = standin.url.removesuffix("/v1")
    assert RemoteFinder(desk.caller(standin, base_url=address, azure_api_version="2024-10-21")).find(TEXT)
    assert standin.books.calls[0].path == "/openai/deployments/test-model/chat/completions"


def test_a_server_without_keys(desk: TestOffice, standin: OpenAIStandIn) -> None:
    with pytest.raises(Misconfigured) as fault:
        RemoteFinder(desk.caller(standin, key="")).find(TEXT)
    assert fault.value.code == "key_refused"


def test_an_unknown_model(desk: TestOffice) -> None:
    with OpenAIStandIn(Behaviour(models=frozenset({"other"}))) as standin, pytest.raises(Misconfigured) as fault:
        RemoteFinder(desk.caller(standin)).find(TEXT)
    assert fault.value.code == "unknown_model"
    assert "test-model" in fault.value.message


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(Endpoint("m", "secret"))


@pytest.mark.parametrize(("model", "address"), [("", "https://api.example.org"), ("m", "api.example.org")])
def test_a_wrong_endpoint_is_refused_at_once(model: str, address: str) -> None:
    with pytest.raises(Misconfigured):
        Endpoint(model, base_url=address)


@pytest.mark.parametrize("fault", [TooLong("m"), Unanswered("m", "refused"), OptionRefused("m", "", "temperature")])
def test_errors_survive_the_way_through_celery(fault: PipelineError) -> None:
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is type(fault)
    assert vars(again) == vars(fault)
