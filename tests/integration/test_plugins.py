"""An engine of another package, without a change of ours."""

from pathlib import Path

import psycopg
import pytest

from pipeline.errors import Misconfigured
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services
from tests.running import ENDED, all_completed, chain, environment_of, submit, until

PACKAGE = Path(__file__).parents[1] / "data" / "third_party"


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PACKAGE)


def test_the_chain_runs_with_an_engine_of_another_package(settings: Settings, use: Services, tmp_path: Path) -> None:
    environment = environment_of(settings, NER_ENGINE="capitals", PYTHONPATH=str(PACKAGE))
    submit(use, tmp_path, {"a.txt": b"ACME paid nobody, said Ada Lovelace of NASA."})
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path):
        until(db, ENDED, all_completed)
        assert db.execute("select name from mentions order by start_offset").fetchall() == [("ACME",), ("NASA",)]
        (engine,) = db.execute("select engine from document_steps where step = 'extract_entities'").fetchone() or ("",)
    assert "capitals/1" in engine, "a step's fingerprint names it"


def test_an_unknown_engine_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_ENGINE", "capitols")
    with pytest.raises(Misconfigured, match=r"there is no such engine; there are local, remote, broken, capitals\."):
        load_settings(_env_file=None)


def test_one_that_cannot_be_made_says_why() -> None:
    use = Services(load_settings(_env_file=None, ner_engine="broken"))
    with pytest.raises(Misconfigured, match=r"capitals:broken.*no licence file"):
        use.mention_finder.find("x")
