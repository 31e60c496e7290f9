"""Batches of questions in the database: each question in one batch at most, paid for once, by whoever still waits for it."""

import json
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pipeline.errors import LeaseLost
from pipeline.model import Batch, BatchAnswer, DocumentId, Prices, Submission, Usage, Verdict, WrittenQuestion, cost_of
from pipeline.ports import Charge, charging
from pipeline.status import Step
from pipeline.stores.answers import MemoryAnswers
from pipeline.stores.batches import Gathering, PaidBatches
from pipeline.stores.calls import Calls
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.stores.kept_answers import KeptAnswers
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.usage import DatabaseMeter
from tests.contract.test_meter import Db

PRICES: Prices = {"mind": {"input": 2.0, "output": 10.0}}
MOST = Usage("api", "mind", 500_000, 100_000)
COST = 1.0
"""Of one question, at most, in a batch."""
NOW, DAY = timedelta(), timedelta(days=1)
WAITS = "api answers its questions in a batch, within 24 hours."
KEEP = timedelta(days=90)


def batches_of(calls: Calls, questions: int = 100, size: int = 1 << 20, age: timedelta = NOW) -> PaidBatches:
    return PaidBatches(calls, Gathering("api", "mind", questions, size, age), PRICES, KEEP)


@pytest.fixture
def batches(calls: Calls) -> PaidBatches:
    return batches_of(calls)


@pytest.fixture
def costs(database_url: str) -> Costs:
    return Costs(Database(database_url), "harbour", PRICES)


def waiting(store: PostgresStore, desk: PaidBatches, path: str, *questions: str) -> DocumentId:
    """A document that has left its questions and waits for the answers."""
    (submitted,) = store.submit("harbour", [Submission(path, path, path, 1, path)])
    document = submitted.document_id
    store.claim(10, 10)
    ask(store, desk, document, *questions)
    return document


def ask(store: PostgresStore, desk: PaidBatches, document: DocumentId, *questions: str) -> dict[str, bool]:
    """What the step does; returns what was left before."""
    verdict, lease = store.begin(document, Step.PROCESS_OCR, "e", "w/1")
    assert verdict is Verdict.RUN
    with charging(Charge(document, Step.EXTRACT_ENTITIES)):
        left = desk.left(questions)
        new = {each: WrittenQuestion(f'{{"ask": "{each}"}}', MOST) for each in questions if each not in left}
        if new:
            desk.leave(new)
    assert store.fail(lease, "not_ready", WAITS, timedelta(minutes=10), None)
    return left


def taken(batches: PaidBatches) -> Batch:
    batch = batches.take()
    assert batch
    return batch


def asked(batches: PaidBatches, batch: Batch) -> list[str]:
    return [fingerprint for fingerprint, _ in batches.requests(batch)]


def sent_on(db: Db) -> list[object]:
    """Documents that are to be looked at now."""
    rows = db.execute("select file_name from documents where not_before <= now() order by 1").fetchall()
    return [row[0] for row in rows]


def answer(*questions: str, said: str = "{}") -> list[BatchAnswer]:
    return [BatchAnswer(each, said, paid=True, tokens=(400_000, 20_000)) for each in questions]


def test_a_batch_is_gathered_sent_and_answered(
    db: Db, store: PostgresStore, batches: PaidBatches, calls: Calls, costs: Costs
) -> None:
    assert not batches.due()
    one, two = waiting(store, batches, "one", "a", "shared"), waiting(store, batches, "two", "b", "shared")
    assert batches.due()
    assert batches.begin() == 3
    assert batches.begin() == 0
    assert costs.budget().under_way == pytest.approx(3 * COST)
    batch = taken(batches)
    assert (batch.questions, batch.file, batch.name, batch.looks) == (3, "", "", 1)
    assert dict(batches.requests(batch)) == {each: f'{{"ask": "{each}"}}' for each in ("a", "b", "shared")}
    batches.note(batch, file="f")
    batches.note(batch, name="n", state="validating", again=NOW)
    batch = taken(batches)
    assert (batch.file, batch.name, batch.looks) == ("f", "n", 2)
    batches.settle(batch, answer("a", "shared"))
    assert sent_on(db) == ["one"], "the other document waits for b"
    for _ in range(2):  # a worker that died over it begins anew
        batches.settle(batch, answer("a", "shared", "b", "of somebody else"))
    batches.end(batch, "completed")
    assert sent_on(db) == ["one", "two"]
    assert not batches.due()
    kept = KeptAnswers(calls, MemoryAnswers())
    assert kept.get(["a", "b", "shared", "of somebody else"]) == {"a": "{}", "b": "{}", "shared": "{}"}
    (row,) = costs.models()
    assert (row.step, row.model, row.calls, row.guessed, row.input_tokens) == (
        "extract_entities",
        "mind:batch",
        3,
        0,
        1_200_000,
    )
    assert row.cost == pytest.approx(3 * cost_of(Usage("api", "mind", 400_000, 20_000), PRICES) / 2)  # type: ignore[operator]
    assert costs.budget().under_way == 0
    store.delete([one])
    assert kept.get(["a", "shared"]) == {"shared": "{}"}
    store.delete([two])
    assert kept.get(["b", "shared"]) == {}


def test_the_share_of_a_batch_is_a_price(db: Db) -> None:
    use = Usage("api", "mind:batch", 1_000_000, 100_000)
    for prices, cost in (
        ({"mind": {"input": 2.0, "output": 10.0}}, 1.5),
        ({"mind": {"input": 2.0, "batch": 0.25}}, 0.5),
        ({"mind": {"input": 2.0}, "mind:batch": {"input": 0.75}}, 0.75),
        ({"other": {"input": 2.0}}, None),
    ):
        ((known,),) = db.execute(
            "select usage_cost(%s, %s, %s, %s, 0, 0)::float", (json.dumps(prices), *use[1:4])
        ).fetchall()
        assert known == cost_of(use, prices) == (cost if cost is None else pytest.approx(cost))


def test_a_batch_has_so_many_questions_so_many_bytes_or_is_so_old(store: PostgresStore, calls: Calls, db: Db) -> None:
    waiting(store, batches_of(calls), "one", *"abcde")
    assert not batches_of(calls, age=DAY).due()
    assert batches_of(calls, 6, age=DAY).begin() == 0
    assert batches_of(calls, 5, age=DAY).due()
    assert batches_of(calls, 2, age=DAY).begin() == 2
    assert batches_of(calls, 100, 30, DAY).begin() == 1
    assert batches_of(calls, age=DAY).begin() == 0
    db.execute("update batch_questions set left_at = now() - interval '25 hours'")
    assert batches_of(calls, age=DAY).begin() == 2


def test_two_who_make_batches_at_one_time_take_no_question_twice(
    store: PostgresStore, database_url: str, calls: Calls
) -> None:
    waiting(store, batches_of(calls), "one", *(f"q{n}" for n in range(40)))
    made: list[int] = []

    def make() -> None:
        mine = batches_of(Database(database_url), 7)
        made.extend(mine.begin() for _ in range(4))

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 40
    every = []
    while batch := batches_of(calls).take():
        every += asked(batches_of(calls), batch)
    assert sorted(every) == sorted(f"q{n}" for n in range(40))


def test_only_the_newest_holder_says_anything(store: PostgresStore, batches: PaidBatches, calls: Calls, db: Db) -> None:
    waiting(store, batches, "one", "a")
    batches.begin()
    dead = taken(batches)
    assert batches.take() is None, "it is looked after"
    db.execute("update paid_batches set taken_until = now() - interval '1 s'")
    heir = taken(batches)
    assert heir.looks == 2
    for late in (
        lambda: batches.note(dead, name="another"),
        lambda: batches.settle(dead, answer("a")),
        lambda: batches.end(dead, "failed"),
        lambda: list(batches.requests(dead)),
    ):
        with pytest.raises(LeaseLost):
            late()
    batches.settle(heir, answer("a"))
    assert KeptAnswers(calls, MemoryAnswers()).get(["a"])


def test_what_failed_is_asked_directly_and_costs_nothing(
    db: Db, store: PostgresStore, batches: PaidBatches, costs: Costs
) -> None:
    document = waiting(store, batches, "one", "refused", "useless", "unheard of")
    batches.begin()
    batch = taken(batches)
    batches.settle(batch, [BatchAnswer("refused"), BatchAnswer("useless", paid=True, tokens=(100_000, 0))])
    assert sent_on(db) == []
    batches.end(batch, "expired")
    assert sent_on(db) == ["one"]
    assert [(row.calls, row.input_tokens) for row in costs.models()] == [(1, 100_000)]
    assert costs.budget().under_way == 0
    db.execute("update documents set not_before = null")
    assert ask(store, batches, document, "refused", "useless", "unheard of") == dict.fromkeys(
        ("refused", "useless", "unheard of"), True
    )
    assert batches.begin() == 0


def test_a_batch_that_was_lost_counts_with_the_most(store: PostgresStore, batches: PaidBatches, costs: Costs) -> None:
    waiting(store, batches, "one", "a", "b")
    batches.begin()
    batches.end(taken(batches), "given up", "Nobody knows it.", "unknown")
    assert [(row.calls, row.guessed, row.cost) for row in costs.models()] == [(2, 2, 2 * COST)]


def test_what_was_too_much_goes_in_halves_later(db: Db, store: PostgresStore, batches: PaidBatches, costs: Costs) -> None:
    waiting(store, batches, "one", *"abcdefgh")
    assert batches.begin() == 8
    batches.end(taken(batches), "failed", "Too much.", "again", timedelta(minutes=10))
    assert costs.budget().under_way == 0
    assert not batches.due()
    assert batches.begin() == 0
    db.execute("update paid_batches set held_until = now() - interval '1 s'")
    assert [batches.begin() for _ in range(3)] == [4, 4, 0]


def test_no_more_is_sent_than_the_budget_bears(
    db: Db, store: PostgresStore, batches: PaidBatches, costs: Costs, calls: Calls
) -> None:
    costs.set_budget(2.5 * COST)
    waiting(store, batches, "one", *"abcd")
    assert batches.begin() == 2
    assert said(db) == ["The budget of harbour is taken by calls under way: 2.50 are allowed."]
    assert batches.begin() == 0
    assert (costs.budget().used, costs.budget().under_way) == (0, 2 * COST)
    costs.set_budget(None)
    assert sent_on(db) == ["one"]
    assert batches.begin() == 2


def test_without_a_price_a_budget_bears_nothing(db: Db, store: PostgresStore, calls: Calls, costs: Costs) -> None:
    batches = PaidBatches(calls, Gathering("api", "mind", 100, 1 << 20, NOW), {}, KEEP)
    costs.set_budget(100)
    waiting(store, batches, "one", "a")
    assert batches.begin() == 0
    assert said(db) == ["The budget of harbour cannot be kept: PRICES has no price of mind:batch."]


def test_who_waits_for_a_batch_holds_up_nobody(store: PostgresStore, batches: PaidBatches) -> None:
    waiting(store, batches, "one", "a")
    store.submit("harbour", [Submission("two", "two", "two", 1, "two")])
    assert len(store.claim(10, 1)) == 1


@pytest.mark.parametrize("act", ["cancel", "delete", "change"])
def test_questions_leave_with_their_document(
    db: Db, store: PostgresStore, batches: PaidBatches, calls: Calls, costs: Costs, act: str
) -> None:
    gone, stays = waiting(store, batches, "gone", "a", "shared"), waiting(store, batches, "stays", "b", "shared")
    leave(store, act, gone)
    assert batches.begin() == 2
    batch = taken(batches)
    assert asked(batches, batch) == ["b", "shared"]
    leave(store, act, stays)
    batches.settle(batch, answer("b", "shared"))
    batches.end(batch, "completed")
    assert [row.calls for row in costs.models()] == [2], "what was paid is counted"
    kept = KeptAnswers(calls, MemoryAnswers()).get(["a", "b", "shared"])
    assert kept == ({"b": "{}", "shared": "{}"} if act == "cancel" else {}), "answers belong to documents"
    left = db.execute("select fingerprint from batch_questions").fetchall()
    assert left == ([("a",)] if act == "cancel" else [])


def leave(store: PostgresStore, act: str, document: DocumentId) -> None:
    if act == "cancel":
        store.cancel([document])
    elif act == "delete":
        store.delete([document])
    else:
        path = store.file(document).source_path
        store.submit("harbour", [Submission(path, path, "new", 1, "new")])


def said(db: Db) -> Sequence[object]:
    return [row[0] for row in db.execute("select waiting_for from documents order by file_name").fetchall()]


def test_a_question_that_was_answered_meanwhile_is_not_sent(
    db: Db, store: PostgresStore, batches: PaidBatches, calls: Calls
) -> None:
    document = waiting(store, batches, "one", "a")
    with charging(Charge(document)):
        KeptAnswers(calls, MemoryAnswers()).put({"a": "{}"})
    assert batches.begin() == 0
    assert not batches.due()
    db.execute("select drop_old_questions()")
    assert db.execute("select from batch_questions").fetchall() == []


def test_a_question_that_is_asked_no_more_leaves(db: Db, store: PostgresStore, batches: PaidBatches) -> None:
    document = waiting(store, batches, "one", "old", "kept")
    db.execute("update documents set not_before = null")
    assert ask(store, batches, document, "kept", "new") == {"kept": False}
    assert db.execute("select fingerprint from batch_questions order by 1").fetchall() == [("kept",), ("new",)]


def test_the_books_of_the_meter_are_the_same(store: PostgresStore, batches: PaidBatches, calls: Calls, costs: Costs) -> None:
    costs.set_budget(2.5 * COST)
    document = waiting(store, batches, "one", "a")
    batches.begin()
    with charging(Charge(document, Step.EXTRACT_ENTITIES)), pytest.raises(Exception, match="taken by calls under way"):
        DatabaseMeter(calls, PRICES).begin(MOST)
