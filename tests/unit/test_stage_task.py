"""What a fault means: again, when and how often, or never."""

import errno
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from pipeline.errors import BadDocument, Misconfigured, NotReady, Outage, ServiceUnavailable, Throttled
from pipeline.settings import load_settings
from pipeline.tasks.stage_task import FIRST_WAIT, INTERNAL_TRIES, OUTAGE_WAIT, _explain, _pause
from pipeline.wiring import Services

TRIES, LONGEST = 5, timedelta(seconds=20)


@pytest.fixture
def use() -> Services:
    return Services(load_settings(_env_file=None, step_retries=TRIES, retry_longest_wait=LONGEST))


@pytest.mark.parametrize(
    ("fault", "code", "tries"),
    [
        (BadDocument("It is encrypted.", "encrypted"), "encrypted", 0),
        (Misconfigured("A key is missing."), "misconfigured", 0),
        (ServiceUnavailable("Textract does not answer."), "service_unavailable", TRIES),
        (Outage("The graph server is away."), "outage", None),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full", None),
        (OSError(errno.EIO, "secret"), "internal", INTERNAL_TRIES),
        (Throttled("Slow down.", retry_after=9.0), "throttled", None),
        (NotReady("Not yet."), "not_ready", None),
        (SoftTimeLimitExceeded(), "timeout", 0),
        (MemoryError(), "out_of_memory", INTERNAL_TRIES),
        (KeyError("secret"), "internal", INTERNAL_TRIES),
        (RecursionError("secret"), "internal", INTERNAL_TRIES),
    ],
)
def test_what_may_pass_is_tried_again_and_a_bad_document_never(
    use: Services, fault: Exception, code: str, tries: int | None
) -> None:
    found, message, most = _explain(use, fault)
    assert (found, most) == (code, tries)
    assert message.endswith(".")
    assert "secret" not in message


def test_a_service_says_how_long_to_wait(use: Services) -> None:
    assert _pause(use, Throttled("Slow down.", retry_after=9.0)) == (timedelta(seconds=9), None)
    assert _pause(use, NotReady("Not yet.", check_again_in=4.0)) == (timedelta(seconds=4), None)


def test_else_the_wait_doubles_and_an_outage_is_never_waited_for_longer_than_its_own_limit(use: Services) -> None:
    assert _pause(use, ServiceUnavailable("S3 is away.")) == (FIRST_WAIT, LONGEST)
    assert _pause(use, Outage("The database is away.")) == (FIRST_WAIT, OUTAGE_WAIT)
    assert OUTAGE_WAIT < LONGEST
