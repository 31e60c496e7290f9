"""What a fault means: again, and when, or never."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from pipeline.errors import BadDocument, Misconfigured, NotReady, ServiceUnavailable, Throttled
from pipeline.settings import load_settings
from pipeline.tasks.stage_task import INTERNAL_TRIES, _explain, _wait
from pipeline.wiring import Services

TRIES, LONGEST = 5, 20.0


@pytest.fixture
def use() -> Services:
    settings = load_settings(_env_file=None, step_retries=TRIES, retry_longest_wait=timedelta(seconds=LONGEST))
    return Services(settings)


@pytest.mark.parametrize(
    ("fault", "code", "tries"),
    [
        (BadDocument("It is encrypted.", "encrypted"), "encrypted", 0),
        (Misconfigured("A key is missing."), "misconfigured", 0),
        (ServiceUnavailable("S3 is away."), "service_unavailable", TRIES),
        (Throttled("Slow down.", retry_after=9.0), "throttled", TRIES),
        (NotReady("Not yet."), "not_ready", TRIES),
        (SoftTimeLimitExceeded(), "timeout", 0),
        (MemoryError(), "out_of_memory", INTERNAL_TRIES),
        (KeyError("secret"), "internal", INTERNAL_TRIES),
        (RecursionError("secret"), "internal", INTERNAL_TRIES),
    ],
)
def test_what_may_pass_is_tried_again_and_a_bad_document_never(
    use: Services, fault: Exception, code: str, tries: int
) -> None:
    found, message, most = _explain(use, fault)
    assert (found, most) == (code, tries)
    assert message.endswith(".")
    assert "secret" not in message


def test_a_service_says_how_long_to_wait(use: Services) -> None:
    assert _wait(use, 3, Throttled("Slow down.", retry_after=9.0)) == 9.0
    assert _wait(use, 3, NotReady("Not yet.", check_again_in=4.0)) == 4.0


@pytest.mark.parametrize(("tries", "most"), [(0, 1.0), (1, 2.0), (4, 16.0), (5, LONGEST), (10_000, LONGEST)])
def test_else_the_wait_doubles_up_to_the_longest_and_is_never_the_same(use: Services, tries: int, most: float) -> None:
    waits = [_wait(use, tries, ServiceUnavailable("S3 is away.")) for _ in range(50)]
    assert all(most / 2 <= wait <= most for wait in waits)
    assert len(set(waits)) > 10
