import pickle

import pytest

from pipeline import errors
from pipeline.errors import NotReady, PipelineError, Throttled

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PipelineError)]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("code", ["", "special"])
def test_errors_survive_the_way_through_celery(kind: type[PipelineError], code: str) -> None:
    fault = kind("It is away.", code)
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is kind
    assert vars(again) == vars(fault)
    assert (str(again), again.code) == ("It is away.", code or kind.code)
    assert type(kind(*fault.args)) is kind


def test_what_they_carry_survives_too() -> None:
    assert pickle.loads(pickle.dumps(Throttled("Slow down.", retry_after=7.5))).retry_after == 7.5
    assert pickle.loads(pickle.dumps(NotReady("Not yet.", "job", 30.0))).check_again_in == 30.0


def test_each_has_a_code_of_its_own_and_a_failing_exit_code() -> None:
    codes = [kind.code for kind in CLASSES]
    assert len(codes) == len(set(codes)) >= 7
    assert all(kind.exit_code > 0 for kind in CLASSES)
