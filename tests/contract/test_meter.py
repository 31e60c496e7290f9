"""The books of paid calls: each counted once, whatever dies, and no budget overdrawn."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from pipeline.errors import LeaseLost, Outage, OverBudget, ServiceUnavailable, Throttled
from pipeline.model import DocumentId, DocumentInfo, Lease, Prices, Submission, Usage, Verdict, cost_of
from pipeline.ports import Charge, charging, metered
from pipeline.status import Step
from pipeline.stores.calls import Calls
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.usage import DatabaseMeter
from pipeline.supervisor import Endpoints
from tests.servers import on_database

Db = psycopg.Connection[tuple[object, ...]]
PRICES: Prices = {"mind": {"input": 2.0, "output": 10.0}, "ears": {"minute": 0.5}, "eyes": {"page": 0.25}}
MOST = Usage("api", "mind", 500_000, 100_000)
USED = Usage("api", "mind", 400_000, 20_000)
NOW = timedelta()
KILLED = """
import sys, time
from pipeline.model import Usage
from pipeline.ports import Charge, charging, metered
from pipeline.stores.database import Database
from pipeline.stores.usage import DatabaseMeter
with charging(Charge(sys.argv[2], "extract_entities")):
    with metered(DatabaseMeter(Database(sys.argv[1])), Usage("api", "mind", 500_000, 100_000)):
        print("begun", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def meter(calls: Calls) -> DatabaseMeter:
    return DatabaseMeter(calls, PRICES)


@pytest.fixture
def costs(database: Database) -> Costs:
    return Costs(database, "harbour", PRICES)


@pytest.fixture
def document(store: PostgresStore) -> DocumentId:
    (submitted,) = store.submit("harbour", [Submission("a.txt", "a.txt", "k", 1, "s")])
    return submitted.document_id


def in_step(document: DocumentId) -> Charge:
    return Charge(document, Step.EXTRACT_ENTITIES)


def pay(meter: DatabaseMeter, used: Usage = USED) -> None:
    with metered(meter, MOST) as paid:
        paid(used)


def test_what_was_used_is_counted_for_the_document(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    with charging(in_step(document)):
        pay(meter)
        pay(meter)
        pay(meter, Usage("api", "ears", audio_seconds=90))
    ((path, used),) = costs.documents()
    assert (path, used.calls, used.input_tokens, used.output_tokens, used.audio_seconds) == ("a.txt", 3, 800_000, 40_000, 90)
    rows = costs.models()
    assert [row[:4] for row in rows] == [("extract_entities", "api", "mind", 2), ("extract_entities", "api", "ears", 1)]
    assert [row.cost for row in rows] == pytest.approx([2.0, 0.75])


def test_the_database_reckons_as_the_program_does(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    every = [Usage("api", model, 12_345, 678, 3, 4.5) for model in PRICES]
    with charging(in_step(document)):
        for use in every:
            pay(meter, use)
    assert {row.model: row.cost for row in costs.models()} == {
        use.model: pytest.approx(cost_of(use, PRICES)) for use in every
    }


def test_a_call_whose_end_is_told_twice_counts_once(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    with charging(in_step(document)):
        call = meter.begin(MOST)
        assert meter.begin(MOST, call) == call
    for _ in range(3):
        meter.end(call, USED)
    assert [row.calls for row in costs.models()] == [1]


@pytest.mark.parametrize("fault", [Throttled("Slow down."), ServiceUnavailable("Away.", "unreachable")])
def test_a_call_that_was_refused_costs_nothing(
    meter: DatabaseMeter, costs: Costs, document: DocumentId, fault: Exception
) -> None:
    with pytest.raises(ServiceUnavailable), charging(in_step(document)), metered(meter, MOST):
        raise fault
    assert costs.models() == []
    assert costs.budget().under_way == 0


@pytest.mark.parametrize("fault", [ServiceUnavailable("Late.", "timeout"), LeaseLost("Broken off."), SystemExit()])
def test_what_may_have_been_paid_counts_with_the_most(
    database: Database, meter: DatabaseMeter, costs: Costs, document: DocumentId, db: Db, fault: BaseException
) -> None:
    with pytest.raises(type(fault)), charging(in_step(document)), metered(meter, MOST):
        raise fault
    db.execute("update paid_calls set open_until = now() - interval '1 s'")
    for _ in range(2):  # as it stands, and after the next call has tidied up
        (row,) = [row for row in costs.models() if row.model == "mind"]
        assert (row.calls, row.guessed, row.input_tokens, row.output_tokens) == (1, 1, 500_000, 100_000)
        DatabaseMeter(database).drop(meter.begin(Usage("api", "other")))


def test_a_call_of_a_worker_that_is_killed_is_counted(
    database_url: str, costs: Costs, store: PostgresStore, document: DocumentId, db: Db
) -> None:
    command = [sys.executable, "-c", KILLED, database_url, document]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "begun\n"
        worker.kill()
    assert costs.budget().under_way == pytest.approx(2.0)
    db.execute("update paid_calls set open_until = now() - interval '1 s'")
    store.unused_files()  # as the queue processor asks every few seconds
    assert [(row.calls, row.guessed) for row in costs.models()] == [(1, 1)]
    assert costs.models()[0].cost == pytest.approx(2.0)
    assert costs.budget().under_way == 0


def test_calls_outside_of_documents_are_of_the_project_that_is_named(meter: DatabaseMeter, costs: Costs) -> None:
    with charging(Charge(project="harbour")):
        pay(meter)
    pay(meter)
    assert [(row.step, row.calls) for row in costs.models()] == [("", 1)]


def test_what_was_paid_outlives_the_document(
    meter: DatabaseMeter, costs: Costs, store: PostgresStore, document: DocumentId
) -> None:
    with charging(in_step(document)):
        pay(meter)
        store.delete([document])
        with pytest.raises(LeaseLost):
            meter.begin(MOST)
    ((path, used),) = costs.documents()
    assert (path, used.calls) == ("", 1)


def test_threads_pay_for_their_own_documents(meter: DatabaseMeter, costs: Costs, store: PostgresStore) -> None:
    names = [f"{n}.txt" for n in range(8)]
    documents = store.submit("harbour", [Submission(name, name, name, 1, name) for name in names])

    def work(number: int) -> None:
        with charging(in_step(documents[number].document_id)):
            for _ in range(number + 1):
                pay(meter)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path: used.calls for path, used in costs.documents()} == {f"{n}.txt": n + 1 for n in range(8)}


def test_a_model_without_a_price_costs_nobody_knows_what(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    with charging(in_step(document)):
        pay(meter, Usage("api", "new", 10))
    assert [row.cost for row in costs.models()] == [None]
    assert (costs.budget().used, costs.budget().unpriced) == (0, ("new",))
    costs.set_budget(10)
    with charging(in_step(document)), pytest.raises(OverBudget, match="cannot be kept: PRICES has no price of new"):
        pay(meter)


def test_a_budget_is_kept_by_all_who_pay_at_once(database: Database, costs: Costs, document: DocumentId) -> None:
    costs.set_budget(10)  # a call reserves 2 and uses 1: the tenth could not be paid for
    done: list[int] = []
    refused: list[OverBudget] = []

    def work() -> None:
        meter = DatabaseMeter(database, PRICES)
        with charging(in_step(document)):
            while len(refused) < 8:
                try:
                    pay(meter)
                except OverBudget as fault:
                    if "is used up" in fault.message:
                        refused.append(fault)
                        return
                else:
                    done.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == costs.budget().used == 9
    assert {(str(fault), fault.check_again_in) for fault in refused} == {
        ("The budget of harbour is used up: 10.00 are allowed.", 600)
    }


def test_other_projects_are_not_held_up(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    costs.set_budget(0)
    with charging(Charge(project="elsewhere")):
        pay(meter)
    with charging(in_step(document)), pytest.raises(OverBudget):
        pay(meter)
    costs.set_budget(None)
    with charging(in_step(document)):
        pay(meter)


def test_a_document_that_waits_is_sent_on_when_the_budget_is_raised(
    meter: DatabaseMeter, costs: Costs, store: PostgresStore, document: DocumentId
) -> None:
    costs.set_budget(1)
    assert len(store.claim(1, 1)) == 1
    verdict, lease = store.begin(document, Step.PROCESS_OCR, "e", "w")
    assert verdict is Verdict.RUN
    with charging(Charge(document, Step.PROCESS_OCR)), pytest.raises(OverBudget) as fault:
        meter.begin(MOST)
    assert store.fail(lease, fault.value.code, fault.value.message, timedelta(seconds=fault.value.check_again_in), None)
    assert store.repair(NOW, 10) == []
    assert len(store.submit("harbour", [Submission("b.txt", "b.txt", "k2", 1, "t")])) == 1
    assert len(store.claim(1, 1)) == 1  # who waits for money holds up nobody
    costs.set_budget(5)
    assert (document, Step.PROCESS_OCR) in store.repair(timedelta(hours=1), 10)


def test_page_ranges_that_wait_are_sent_on_too(costs: Costs, store: PostgresStore, document: DocumentId, db: Db) -> None:
    store.claim(1, 1)
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w")
    store.split(lease, DocumentInfo("application/pdf"), [range(1, 3), range(3, 5)], [])
    _, part = store.begin_part(document, 1, "w")
    assert isinstance(part, Lease)
    store.fail(part, "over_budget", "The budget of harbour is used up: 1.00 are allowed.", timedelta(hours=1), None)
    costs.set_budget(5)
    assert db.execute("select not_before <= now() from document_parts where number = 1").fetchall() == [(True,)]


@contextmanager
def away(endpoints: Endpoints, database_url: str) -> Iterator[None]:
    """The database takes no connections, and has ended those that there were."""
    name = urlsplit(database_url).path[1:]
    with psycopg.connect(on_database(endpoints, "postgres"), autocommit=True) as server:
        server.execute(f'alter database "{name}" allow_connections false'.encode())
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        yield
        server.execute(f'alter database "{name}" allow_connections true'.encode())


def test_an_answer_that_was_paid_for_is_not_lost_with_the_database(
    endpoints: Endpoints, database_url: str, costs: Costs, document: DocumentId
) -> None:
    database = Database(database_url, patience=0.5)
    meter = DatabaseMeter(database, PRICES)
    with charging(in_step(document)):
        call = meter.begin(MOST)
        with away(endpoints, database_url):
            meter.end(call, USED)
            with pytest.raises(Outage):
                meter.begin(MOST)
    pause = threading.Event()
    for _ in range(300):
        if costs.models():
            break
        pause.wait(0.1)
    assert [(row.calls, row.guessed, row.input_tokens) for row in costs.models()] == [(1, 0, 400_000)]
    database.close()


def test_a_call_is_named_by_whoever_comes_back_to_it(meter: DatabaseMeter, costs: Costs, document: DocumentId) -> None:
    job = str(uuid.uuid4())
    with charging(in_step(document)):
        for _ in range(2):
            meter.begin(Usage("textract", "eyes", pages=40), job, timedelta(days=8))
    assert costs.budget().under_way == 10
    meter.end(job, Usage("textract", "eyes", pages=38))
    assert costs.budget() == (None, 9.5, 0, ())
