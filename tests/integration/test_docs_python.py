"""The examples of docs/python.md, run one after the other on real servers."""

import re
from contextlib import closing
from pathlib import Path

import neo4j
import pytest

from pipeline.cli.export import write_export
from pipeline.endpoints import Endpoints
from pipeline.settings import load_settings
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports
from pipeline.wiring import Services
from tests.matter import PROJECT, fill

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (.+?)$|^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def matter(
    endpoints: Endpoints,
    database_url: str,
    broker_url: str,
    graph: neo4j.Driver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A matter in database, graph and export, and its place in the environment."""
    assert graph
    own = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url, "NLP_PIPELINE_PROJECT": PROJECT}
    for name, value in (endpoints.environment() | own | {"NLP_PIPELINE_HOME": str(tmp_path / "home")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("letter.txt").write_text("Ada Lovelace thanks the mill.", encoding="utf-8")
    with closing(Services(load_settings(_env_file=None))) as use, closing(Database(database_url)) as database:
        use.graph.prepare()
        fill(PostgresStore(database), graph=use.graph)
        write_export(Reports(database, PROJECT), Path("out"))


@pytest.mark.usefixtures("matter")
def test_the_examples_run_and_say_what_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    said: dict[str, str] = {}
    heading, names = "", dict[str, object]()
    for title, code in EXAMPLES:
        heading = title or heading
        if code:
            exec(compile(code, f"docs/python.md: {heading}", "exec"), names)
            said[heading] = said.get(heading, "") + capsys.readouterr().out
    assert '"Mr. Babbage" is Charles Babbage, PERSON' in said["Reading an export"]
    assert "in/letter.txt, page 2: Mr. Babbage paid" in said["Reading an export"]
    assert "Totals(documents=5" in said["The live database"]
    assert "in/broken.pdf encrypted" in said["The live database"]
    assert "in/letter.txt, page" in said["Search"]
    assert "CO_OCCURS_WITH Ada Lovelace" in said["Entities"]
    assert "Charles Babbage 1" in said["The graph"]
    assert said["Submitting"].endswith(" submitted\n")
