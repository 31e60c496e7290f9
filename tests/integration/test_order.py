"""The same documents give the same entities and relations, whatever their order, their past and the number of workers."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from celery import Task
from neo4j import Driver
from pydantic import SecretStr

from pipeline import tasks, wiring
from pipeline.endpoints import Endpoints
from pipeline.model import DocumentId, Submission
from pipeline.settings import load_settings
from pipeline.stores.database import Database
from pipeline.stores.reports import Reports
from pipeline.wiring import Services
from tests.servers import fresh_database

PROJECT = "matter"
ENGINES = ("reader", "embedder", "mention_finder", "pattern_finder")
READ = (tasks.process_ocr, tasks.create_document_node, tasks.process_chunking, tasks.extract_entities)
LINK = (tasks.resolve_entities, tasks.build_relationships)
GRAPH = {
    "nodes": "MATCH (n) WHERE NOT n:GraphTurn RETURN labels(n) AS labels, properties(n) AS properties",
    "edges": "MATCH (a)-[r]->(b) RETURN a.id AS start, type(r) AS type, properties(r) AS properties, b.id AS end",
}
TEXTS = {
    "agenda.txt": "The Baltic Shipping Council (BSC) meets in Lisbon on Friday. Margaret Ellen Hollis owns Hollis Marine.",
    "cable.txt": "Hollis told the BSC in Lisbon that Hollis Marine had sold its ships to Viktor Osipov.",
    "diary.txt": "Lunch with Margaret Hollis and Mr Osipov in Porto. Mrs Hollis spoke of her brother Edmund Hollis.",
    "fax.txt": "Mr. V. Osipov of Baltic Grain SIA thanks Hollis Marine Limited. Osipov will come to Porto in June.",
    "letter.txt": "Dear Mr Hollis, Edmund Hollis and Viktor Ossipov met Peter Brandt at the Bank of Porto.",
    "memo.txt": "M. E. Hollis asked Peter Brandt of the Bank of Porto for a loan. Brandt refused.",
    "minutes.txt": "Present: Peter Brandt, Anna Brandt, Margaret Hollis. Apologies: Viktor Osipov. The BSC was not named.",
    "news.txt": "Baltic Grain bought the ships of Hollis Marine, said Anna Brandt. Brandt denied that Bank of Porto paid.",
    "note.txt": "Brandt is not to be told. Ask Osipov, or the Baltic Shipping Council.",
    "receipt.txt": "Received from Baltic Grain SIA by Hollis Marine Ltd, Lisbon: 40,000 euros.",
    "report.txt": "Edmund Hollis left Lisbon with Viktor Osipov. Margaret E. Hollis stayed in Porto with Anna Brandt.",
    "wire.txt": "BSC and Hollis Marine, Lisbon. Viktor Osipov wires Margaret Hollis. E. Hollis knows.",
}  # fmt: skip

Export = dict[str, list[str]]
Course = Callable[[Services], None]
Play = Callable[[Course], Export]


@pytest.fixture(scope="module")
def play(
    endpoints: Endpoints, migrated_template: str, graph_driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Play]:
    """Plays a course of events in a fresh database and graph, with the real tasks; returns what is there then."""
    home = tmp_path_factory.mktemp("home")
    located = endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=home))
    engines: dict[str, Any] = {}

    def fresh(course: Course) -> Export:
        graph_driver.execute_query("MATCH (n) DETACH DELETE n", database_="neo4j")
        with ExitStack() as held:
            patch = held.enter_context(pytest.MonkeyPatch.context())
            url = held.enter_context(fresh_database(endpoints, migrated_template))
            use = Services(located.model_copy(update={"database_url": SecretStr(url)}))
            held.callback(use.documents.close)
            held.callback(use.graph.close)
            vars(use).update(engines)
            patch.setitem(wiring._services, os.getpid(), use)
            use.graph.prepare()
            course(use)
            engines.update({name: getattr(use, name) for name in ENGINES})
            return exported(url) | {name: lines(graph_driver, query) for name, query in GRAPH.items()}

    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoints.environment().items():
            patch.setenv(name, value)
        yield fresh
    engines["reader"].close()


def exported(url: str) -> Export:
    database = Database(url)
    try:
        with Reports(database, PROJECT).snapshot() as snapshot:
            names = ("documents", "entities", "relationships")
            return {name: [line for (line,) in snapshot.rows(f"export_{name}")] for name in names}
    finally:
        database.close()


def lines(driver: Driver, query: str) -> list[str]:
    """A line a row, in order: an inequality is easy to read."""
    rows = [row.data() for row in driver.execute_query(query)[0]]
    return sorted(json.dumps(row | {"labels": sorted(row.get("labels", ()))}, sort_keys=True) for row in rows)


def submit(use: Services, texts: Mapping[str, str], folder: Path) -> list[DocumentId]:
    files = []
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        use.blobs.put(f"{PROJECT}/{sha256}", folder / name)
        files.append(Submission(name, name, f"{PROJECT}/{sha256}", len(text), sha256))
    submitted = use.documents.submit(PROJECT, files)
    use.documents.claim(100, 100)
    return [document.document_id for document in submitted]


def perform(steps: Sequence[Task], document: DocumentId) -> None:
    for step in steps:
        step.apply(args=(document,), throw=True)


def shuffled(random: Random) -> dict[str, str]:
    return dict(random.sample(sorted(TEXTS.items()), len(TEXTS)))


def one_by_one(texts: Mapping[str, str], folder: Path) -> Course:
    """Each document goes all the way before the next is begun."""

    def course(use: Services) -> None:
        for document in submit(use, texts, folder):
            perform((*READ, *LINK), document)

    return course


def at_once(texts: Mapping[str, str], folder: Path) -> Course:
    """Four workers resolve all documents at the same time."""

    def course(use: Services) -> None:
        documents = submit(use, texts, folder)
        for document in documents:
            perform(READ, document)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(partial(perform, LINK), documents))
        send_on(documents)

    return course


def send_on(documents: Iterable[DocumentId]) -> None:
    """What the queue processor does with those that were in each other's way and wait."""
    for document in documents:
        perform(LINK, document)


def changed(past: Mapping[str, str], texts: Mapping[str, str], folder: Path) -> Course:
    """The documents are there already with other texts; then each gets its own."""

    def course(use: Services) -> None:
        one_by_one(past, folder)(use)
        one_by_one(texts, folder)(use)

    return course


def with_a_past(texts: Mapping[str, str], folder: Path) -> Course:
    """All documents are there already, with each other's texts."""
    return changed(dict(zip(texts, [*list(texts.values())[5:], *list(texts.values())[:5]], strict=True)), texts, folder)


def different(one: Export, other: Export) -> dict[str, set[str]]:
    """Lines that stand in one only; both in the same order else."""
    return {name: set(one[name]) ^ set(other[name]) for name in one if one[name] != other[name]}


@pytest.fixture(scope="module")
def expected(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return play(one_by_one(TEXTS, tmp_path_factory.mktemp("files")))


def test_the_matter_is_worth_the_test(expected: Export) -> None:
    """Names meet across documents, so that an order could matter."""
    documents, entities = ([json.loads(line) for line in expected[name]] for name in ("documents", "entities"))
    entities = [entity for entity in entities if len(entity["aliases"]) > 1 and entity["documents"] > 2]
    assert {"Margaret Ellen Hollis", "Baltic Shipping Council"} <= {entity["name"] for entity in entities}
    assert {document["status"] for document in documents} == {"completed"}
    assert len(expected["relationships"]) > 10


@pytest.mark.parametrize("course", [one_by_one, at_once, with_a_past])
@pytest.mark.parametrize("seed", [1, 2])
def test_order_workers_and_past_make_no_difference(
    play: Play, expected: Export, tmp_path: Path, course: Callable[[Mapping[str, str], Path], Course], seed: int
) -> None:
    assert different(play(course(shuffled(Random(seed)), tmp_path)), expected) == {}


DEFINES, USES, NEITHER = TEXTS["agenda.txt"], TEXTS["cable.txt"], TEXTS["memo.txt"]


@pytest.mark.parametrize(
    ("past", "texts"),
    [
        ({"a.txt": DEFINES, "b.txt": USES}, {"a.txt": DEFINES, "b.txt": TEXTS["minutes.txt"]}),
        ({"a.txt": DEFINES, "b.txt": USES}, {"a.txt": NEITHER, "b.txt": USES}),
        ({"a.txt": DEFINES, "b.txt": NEITHER}, {"a.txt": DEFINES, "b.txt": USES}),
        ({"a.txt": DEFINES, "b.txt": USES}, {"a.txt": NEITHER, "b.txt": NEITHER + "!"}),
    ],
    ids=["used anew", "no more defined", "used later", "gone"],
)
def test_a_short_form_means_what_a_document_says_for_as_long_as_it_says_so(
    play: Play, tmp_path: Path, past: dict[str, str], texts: dict[str, str]
) -> None:
    assert different(play(changed(past, texts, tmp_path)), play(one_by_one(texts, tmp_path))) == {}
