"""Questions to a language model in batches: real workers, a stand-in, and deaths in between."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pipeline.errors import NotReady
from pipeline.model import Batch, Extraction, Usage, WrittenQuestion
from pipeline.ports import Charge, charging
from pipeline.settings import Settings, load_settings
from pipeline.status import Step
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.supervisor.doctor import check
from pipeline.tasks.batches import look_after
from pipeline.wiring import Services
from tests.running import ENDED, all_completed, environment_of, processor, submit, until, worker
from tests.standins.openai import KEY, OpenAIStandIn, error

Db = psycopg.Connection[tuple[object, ...]]
PRICES = {"mind": {"input": 1000.0, "output": 1000.0}}
REST = "graph,text,ocr_pages,ocr,default"
TEXTS = {f"{n}.txt": f"Clara Berger met Anna Novak on page {n}.\n".encode() for n in range(6)}
WAITS = "select from documents where waiting_for = 'openai answers its questions in a batch, within 24 hours.'"


@pytest.fixture
def service() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def db(settings: Settings) -> Iterator[Db]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def batching(settings: Settings, service: OpenAIStandIn) -> Iterator[Services]:
    """Services that ask in batches, each of which is made and looked at at once."""
    here = {
        "ner_engine": "remote",
        "ner_remote_model": "mind",
        "ner_fallback": False,
        "openai_api_key": SecretStr(KEY),
        "openai_base_url": service.url,
        "openai_batch": True,
        "openai_batch_age": timedelta(microseconds=1),
        "openai_batch_look": timedelta(microseconds=1),
        "prices": PRICES,
    }
    with closing(Services(settings.model_copy(update=here))) as use:
        yield use


@pytest.fixture
def costs(settings: Settings) -> Iterator[Costs]:
    with closing(Database(settings.database)) as database:
        yield Costs(database, "matter", PRICES)


def environment_with(settings: Settings, service: OpenAIStandIn, **more: str) -> dict[str, str]:
    given = {
        "NER_ENGINE": "remote",
        "NER_REMOTE_MODEL": "mind",
        "NER_FALLBACK": "false",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": service.url,
        "OPENAI_BATCH": "true",
        "OPENAI_BATCH_AGE": "1",
        "OPENAI_BATCH_LOOK": "0.5",
        "PRICES": '{"mind": {"input": 1000, "output": 1000}}',
        "STEP_RETRIES": "0",
    }
    return environment_of(settings, **given | more)


def test_documents_wait_for_their_batch_and_go_on_by_themselves(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    service.behaviour.batches.failing = "page 5"
    environment = environment_with(settings, service)
    submit(use, tmp_path, TEXTS)
    with (
        worker(environment, tmp_path / "entity.log", "--pool", "gevent", queues="entity", tasks=20),
        worker(environment, tmp_path / "rest.log", queues=REST),
        processor(environment, tmp_path / "processor.log"),
    ):
        until(db, WAITS, bool)
        until(db, ENDED, all_completed)
        until(db, "select from paid_batches where ended_at is null", lambda rows: not rows)
    report = service.report()
    assert (report["answered"], report["paid_twice"]) == (len(TEXTS), 0)
    direct, batched = sorted(costs.models(), key=lambda row: row.model)
    assert (direct.model, batched.model, direct.calls + batched.calls) == ("mind", "mind:batch", len(TEXTS))
    assert batched.calls >= len(TEXTS) - 2, "the first is asked at once, and the one that fails in the batch"
    tokens = [row.input_tokens + row.output_tokens for row in (direct, batched)]
    assert sum(tokens) == service.books.input_tokens + service.books.output_tokens
    assert [direct.cost, batched.cost] == pytest.approx([tokens[0] / 1000, tokens[1] / 2000])
    assert costs.budget().under_way == 0
    assert service.cabinet.files == {}, "texts of documents do not stay there"
    assert db.execute("select from document_processing_history where outcome = 'failed'").fetchall() == []


def test_a_worker_and_a_queue_processor_that_are_killed_while_a_batch_is_answered_cost_nothing(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    service.behaviour.batches.looks = 12
    environment = environment_with(settings, service, OPENAI_BATCH_AGE="8")
    submit(use, tmp_path, TEXTS)
    rest = partial(worker, environment, tmp_path / "rest.log", queues=REST)
    entity = partial(worker, environment, tmp_path / "entity.log", "--pool", "gevent", queues="entity", tasks=20)
    with entity() as asking, rest() as first, processor(environment, tmp_path / "processor.log") as other:
        until(db, "select from paid_batches where state = 'in_progress'", bool)
        for each in (asking, first, other):
            os.killpg(each.pid, signal.SIGKILL)
    died(db)
    with entity(), rest(), processor(environment, tmp_path / "processor.log"):
        until(db, ENDED, lambda rows: len(rows) == len(TEXTS) and all_completed(rows))
        until(db, "select from paid_batches where ended_at is null", lambda rows: not rows)
    report = service.report()
    assert (report["answered"], report["paid_twice"], service.cabinet.files) == (len(TEXTS), 0, {})
    assert sum(row.calls for row in costs.models()) == len(TEXTS)
    assert [row for row in costs.models() if row.guessed] == []


QUESTIONS = tuple(str(n) * 64 for n in range(4))


def left(use: Services, folder: Path) -> Batch:
    """A batch of questions, made and taken."""
    submit(use, folder, {"a.txt": b"Clara Berger met Anna Novak."})
    ((document, _),) = use.documents.claim(1, 1)
    request = '{"model": "mind", "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "Anna %s"}]}'
    most = Usage("openai", "mind", 1000, 1000)
    with charging(Charge(document, Step.EXTRACT_ENTITIES)):
        use.batches.leave({each: WrittenQuestion(request % each, most) for each in QUESTIONS})
    assert use.batches.begin() == len(QUESTIONS)
    return taken(use)


def taken(use: Services) -> Batch:
    batch = use.batches.take()
    assert batch
    return batch


def died(db: Db) -> None:
    """Whoever looked after the batch is silent for too long."""
    db.execute("update paid_batches set taken_until = now() - interval '1 s'")


def to_the_end(use: Services) -> None:
    while batch := use.batches.take():
        look_after(use, batch)


def once(service: OpenAIStandIn, costs: Costs) -> None:
    """One batch, each question paid for once, and counted so."""
    assert len(service.cabinet.batches) == 1
    assert service.cabinet.files == {}
    report = service.report()
    assert (report["answered"], report["paid_twice"]) == (len(QUESTIONS), 0)
    assert [(row.calls, row.guessed, row.input_tokens) for row in costs.models()] == [
        (len(QUESTIONS), 0, service.books.input_tokens)
    ]
    assert costs.budget().under_way == 0


@pytest.mark.parametrize(
    "moment", ["made", "uploaded", "file noted", "created", "sent", "looked", "half settled", "settled"]
)
def test_whoever_dies_nothing_is_paid_for_twice(
    moment: str, batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    batch, api = left(batching, tmp_path), batching.hosted.batches("mind")
    moments = ["made", "uploaded", "file noted", "created", "sent", "looked", "half settled", "settled"]
    reached = moments.index(moment)
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f'{{"custom_id": "{k}", "body": {r}}}\n' for k, r in batching.batches.requests(batch)))
    if reached >= 1:
        file = api.upload(path, f"nlp-pipeline-{batch.id}.jsonl")
    if reached >= 2:
        batching.batches.note(batch, file=file)
    if reached >= 3:
        name = api.create(file)
    if reached >= 4:
        batching.batches.note(batch, name=name)
    if reached >= 5:
        while not (seen := api.look(name)).ended:
            pass
    if reached >= 6:
        with api.answers(seen.output) as answers:
            every = list(answers)
        batching.batches.settle(batch, every[: len(every) // (8 - reached)])
    died(db)
    to_the_end(batching)
    once(service, costs)


def test_a_service_that_is_slow_or_asks_for_patience_is_waited_for(
    batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    service.behaviour.batches.looks = 5
    batch = left(batching, tmp_path)
    replies = [error(500, "Oh."), error(429, "Slow down.", headers={"retry-after": "2"})]
    for reply in replies:
        service.script.append(reply)
        look_after(batching, batch)
        ((fault, waits),) = db.execute("select fault, look_at > now() + interval '0.9 s' from paid_batches").fetchall()
        assert fault
        assert waits == (reply.status == 429)
        db.execute("update paid_batches set look_at = now(), taken_until = null")
        batch = taken(batching)
    look_after(batching, batch)
    to_the_end(batching)
    once(service, costs)


@pytest.mark.parametrize("refusals", [2, 9])
def test_a_batch_that_is_not_begun_is_sent_again_some_times(
    refusals: int, batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    service.behaviour.batches.unready = refusals
    look_after(batching, left(batching, tmp_path))
    assert db.execute("select fault like 'openai did not take the request%' from paid_batches").fetchall() == [(True,)]
    to_the_end(batching)
    if refusals == 2:
        once(service, costs)
    else:
        assert (service.behaviour.batches.unready, service.cabinet.files, costs.models()) == (4, {}, [])
        assert db.execute("select count(*) from batch_questions where failed_at is not null").fetchall() == [(4,)]


@pytest.mark.parametrize(
    ("code", "again"), [("invalid_json_line", False), ("token_limit_exceeded", True)], ids=["refused", "too much"]
)
def test_a_batch_that_the_service_does_not_take(
    *, code: str, again: bool, batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    service.behaviour.batches.refused = code
    look_after(batching, left(batching, tmp_path))
    to_the_end(batching)
    assert costs.models() == []
    assert costs.budget().under_way == 0
    ((waiting, failed),) = db.execute("select count(request), count(failed_at) from batch_questions").fetchall()
    assert (waiting, failed) == ((4, 0) if again else (0, 4))
    service.behaviour.batches.refused, service.behaviour.batches.most = "", 2
    db.execute("update paid_batches set held_until = now() - interval '1 s'")
    assert [batching.batches.begin() for _ in range(3)] == ([2, 2, 0] if again else [0, 0, 0])
    to_the_end(batching)
    assert sum(row.calls for row in costs.models()) == (4 if again else 0)


def test_a_batch_of_which_the_service_knows_nothing_is_given_up_in_the_end(
    batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    look_after(batching, left(batching, tmp_path))
    service.behaviour.batches.forgetful = True
    look_after(batching, taken(batching))
    assert db.execute("select fault from paid_batches").fetchall() == [("openai does not know the batch batch_1.",)]
    db.execute("update paid_batches set submitted_at = submitted_at - interval '31 hours'")
    look_after(batching, taken(batching))
    assert [(row.calls, row.guessed) for row in costs.models()] == [(4, 4)]
    assert db.execute("select count(*) from batch_questions where failed_at is not null").fetchall() == [(4,)]


def test_what_is_not_sent_is_given_back_when_batches_are_switched_off(
    settings: Settings, batching: Services, service: OpenAIStandIn, db: Db, costs: Costs, tmp_path: Path
) -> None:
    batch = left(batching, tmp_path)
    off = Services(batching.settings.model_copy(update={"openai_batch": False}))
    with closing(off):
        look_after(off, batch)
        assert not off.batches.due()
        assert off.batches.take() is None
    assert costs.budget().under_way == 0
    assert service.cabinet.batches == {}
    assert db.execute("select count(*) from batch_questions where batch_id is null").fetchall() == [(4,)]


def extracted(use: Services, document: str) -> Extraction:
    with charging(Charge(document, Step.EXTRACT_ENTITIES)):
        return use.mention_finder.extract(
            "Clara Berger met Anna Novak.\n\n" + "The sea is calm. " * 350 + "Anna Novak lives in Porto."
        )


def test_a_wrong_key_or_a_service_without_batches_is_found_before_anything_waits(
    batching: Services, service: OpenAIStandIn, db: Db, tmp_path: Path
) -> None:
    submit(batching, tmp_path, {"a.txt": b"a"})
    ((document, _),) = batching.documents.claim(1, 1)
    service.behaviour.batches.there = False
    with pytest.raises(Exception, match=r"has no batches \(HTTP 404\): set OPENAI_BATCH=false"):
        extracted(batching, document)
    service.behaviour.batches.there = True
    service.script.append(error(401, "No."))
    with pytest.raises(Exception, match="does not accept the key"):
        extracted(batching, document)
    assert db.execute("select from batch_questions").fetchall() == []
    with pytest.raises(NotReady, match="in a batch"):
        extracted(batching, document)
    assert len(service.books.usable) == 1, "the first is asked at once"
    assert batching.batches.begin() == 1
    to_the_end(batching)
    found = extracted(batching, document)
    assert (len(found.relations) > 1, service.report()["paid_twice"]) == (True, 0)


@pytest.mark.parametrize("there", [True, False])
def test_the_doctor_tells_whether_there_are_batches(
    *, there: bool, service: OpenAIStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.behaviour.batches.there = there
    given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": service.url, "OPENAI_BATCH": "true"}
    for name, value in (given | {"NER_ENGINE": "remote", "NER_REMOTE_MODEL": "mind"}).items():
        monkeypatch.setenv(name, value)
    (found,) = [one for one in check(load_settings(_env_file=None, nlp_pipeline_home=tmp_path)) if one.name == "batches"]
    assert found.ok is there
    assert ("OPENAI_BATCH=false" in found.detail) is not there
