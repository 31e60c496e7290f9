"""What was paid, and what may be paid: the commands on a real database, called as they are typed."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import execute
from pipeline.endpoints import Endpoints
from pipeline.errors import OverBudget
from pipeline.model import Submission, Usage, WrittenQuestion
from pipeline.ports import Charge, charging, metered
from pipeline.settings import load_settings
from pipeline.status import Step
from pipeline.stores.batches import Gathering, PaidBatches
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.usage import DatabaseMeter

PRICES = {"mind": {"input": 2.0, "output": 10.0}, "textract:text": {"page": 0.0015}}
Said = pytest.CaptureFixture[str]


@pytest.fixture
def meter(
    database_url: str, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseMeter]:
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("NLP_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRICES", json.dumps(PRICES))
    monkeypatch.chdir(tmp_path)
    with closing(Database(database_url)) as database:
        store = PostgresStore(database)
        for path in ("a.txt", "b.txt"):
            store.submit("harbour", [Submission(path, path, path, 1, path)])
        yield DatabaseMeter(database, load_settings().prices)


def pay(meter: DatabaseMeter, path: str, step: Step, used: Usage) -> None:
    database = meter._db
    [document] = PostgresStore(database).submit("harbour", [Submission(path, path, path, 1, path)])
    with charging(Charge(document.document_id, step)), metered(meter, used) as paid:
        paid(used)


def said(capsys: Said, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert execute([*words, "--project", "harbour"]) == code
    return capsys.readouterr().out


def data(capsys: Said, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(capsys, *words, "--json"))
    return found


def test_costs_of_a_project_and_of_its_documents(meter: DatabaseMeter, capsys: Said) -> None:
    assert "has paid for nothing" in said(capsys, "costs")
    pay(meter, "a.txt", Step.PROCESS_OCR, Usage("textract", "textract:text", pages=400))
    pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 1_000_000, 50_000))
    pay(meter, "b.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 500_000, 0))
    shown = said(capsys, "costs")
    assert "In all: 4.10." in shown
    assert "1,500,000" in shown
    lines = said(capsys, "costs", "--documents").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["a.txt", "b.txt"]
    found = data(capsys, "costs", "--documents")
    assert found["total"] == pytest.approx(4.1)
    assert {each["source_path"]: each["cost"] for each in found["documents"]} == {
        "a.txt": pytest.approx(3.1),
        "b.txt": pytest.approx(1.0),
    }


def test_what_has_no_price_is_not_shown_as_free(meter: DatabaseMeter, capsys: Said) -> None:
    pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "new", 10))
    pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 1_000_000))
    shown = said(capsys, "costs")
    assert "unknown" in shown
    assert "In all: 2.00 and what new cost, which no price is set for (PRICES)." in shown
    assert data(capsys, "costs")["total"] is None


def test_a_budget_is_set_shown_kept_and_taken_away(meter: DatabaseMeter, capsys: Said) -> None:
    assert "No budget." in said(capsys, "budget")
    assert "Budget 3.00: 0.00 used." in said(capsys, "budget", "3")
    pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 1_000_000))
    assert "Budget 3.00: 2.00 used." in said(capsys, "status")
    with pytest.raises(OverBudget):
        pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 1_000_000))
    assert data(capsys, "budget", "5")["amount"] == 5
    pay(meter, "a.txt", Step.EXTRACT_ENTITIES, Usage("api", "mind", 1_000_000))
    assert data(capsys, "status")["budget"] == {"amount": 5, "used": 4, "under_way": 0, "unpriced": []}
    assert "No budget." in said(capsys, "budget", "none")


@pytest.mark.parametrize("amount", ["much", "-1", "nan", "inf", ""])
def test_what_is_no_sum_is_refused(meter: DatabaseMeter, capsys: Said, amount: str) -> None:
    said(capsys, "budget", "--", amount, code=2) if amount == "-1" else said(capsys, "budget", amount, code=2)
    assert data(capsys, "budget")["amount"] is None


def test_questions_in_batches_are_shown_until_they_are_answered(
    meter: DatabaseMeter, database_url: str, capsys: Said
) -> None:
    with closing(Database(database_url)) as database:
        gathering = Gathering("api", "mind", 2, 1 << 20, timedelta(days=1))
        batches = PaidBatches(database, gathering, load_settings().prices, timedelta(days=90))
        ((document, _),) = PostgresStore(database).claim(1, 1)
        most = Usage("api", "mind", 500_000, 100_000)
        with charging(Charge(document, Step.EXTRACT_ENTITIES)):
            batches.leave({each: WrittenQuestion("{}", most) for each in "abc"})
        assert batches.begin() == 2
        assert data(capsys, "status")["batches"][0]["questions"] == 1
        for command in ("costs", "status"):
            shown = said(capsys, command)
            assert "1 question waiting for a batch for" in shown
            assert re.search(r"2 questions in a batch \(gathered\) for .*, at most 2.00\.", shown)
        batch = batches.take()
        assert batch
        batches.note(batch, state="in_progress", fault="api is overloaded.", again=timedelta(hours=1))
        assert "(in_progress)" in (shown := said(capsys, "costs"))
        assert "api is overloaded." in shown
        assert [(row["state"], row["cost"]) for row in data(capsys, "costs")["batches"]] == [
            ("gathering", 1),
            ("in_progress", 2),
        ]
