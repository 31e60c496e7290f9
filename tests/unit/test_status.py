from itertools import pairwise

import pytest

from pipeline.status import FAMILIES, FINAL, IN_FLIGHT, MOVES, Family, Status, Step, may_move


def test_every_state_has_its_moves_and_may_stay() -> None:
    assert set(MOVES) == set(Status)
    assert all(may_move(status, status) and status not in MOVES[status] for status in Status)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_end_is_left_only_by_waiting_again(status: Status) -> None:
    assert MOVES[status] == {Status.PENDING}


@pytest.mark.parametrize("status", sorted(IN_FLIGHT))
def test_a_document_on_its_way_can_fail_be_cancelled_and_be_sent_anew(status: Status) -> None:
    assert may_move(status, Status.ERROR)
    assert may_move(status, Status.CANCELLED)
    assert may_move(status, Status.QUEUED)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PROCESSING}))
def test_only_a_document_that_is_processed_completes(status: Status) -> None:
    assert status is Status.COMPLETED or not may_move(status, Status.COMPLETED)


def test_a_document_passes_its_steps_by_permitted_moves() -> None:
    way = [Status.PENDING, Status.QUEUED, *(step.running for step in Step), Status.COMPLETED]
    assert all(may_move(one, other) for one, other in pairwise(way))


def test_steps_stand_in_the_order_of_their_stages() -> None:
    assert set(FAMILIES) == set(Step)
    assert list(dict.fromkeys(step.family for step in Step)) == list(Family)
