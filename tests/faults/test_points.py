"""One fault at one point of a document's way: every document still ends once, with the same result."""

from collections.abc import Iterator

import neo4j
import pytest

from pipeline.endpoints import Endpoints
from pipeline.queues import WORKER_TYPES
from tests.faults.rig import Lines, Rig, different
from tests.reader_files import lines, mail, pdf
from tests.servers import fresh_database, on_broker

SAVES = ("save_pages", "save_node", "save_chunks", "save_mentions", "save_resolution", "finish_graph")
BROKER = 14
RANGES = 4
FILES = {
    "cable.txt": b"Hollis told the BSC in Lisbon that Hollis Marine had sold its ships to Viktor Osipov.",
    "diary.txt": b"The Baltic Shipping Council (BSC) met in Lisbon. Margaret Hollis and Mr Osipov went to Porto.",
    "letter.eml": mail(),
    "report.pdf": pdf([lines(f"Viktor Osipov met Margaret Hollis in Lisbon on day {n}.") for n in range(1, 8)]),
    "empty.txt": b"",
}
QUICK = {"steps in one worker": "1000", "a message for each step": "0"}


@pytest.fixture(scope="module")
def rig(
    request: pytest.FixtureRequest,
    endpoints: Endpoints,
    migrated_template: str,
    graph_driver: neo4j.Driver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Rig]:
    with fresh_database(endpoints, migrated_template) as url:
        rig = Rig(endpoints, url, on_broker(endpoints, BROKER), graph_driver, tmp_path_factory.mktemp("rig"))
        rig.environment["FAULT_QUICK"] = QUICK[request.param]
        with rig.running(",".join(w.name for w in WORKER_TYPES)):
            yield rig


@pytest.fixture(scope="module")
def expected(rig: Rig) -> Lines:
    """What is there when nothing happens."""
    return rig.play(FILES)


ONE_WORKER = pytest.mark.parametrize("rig", [*QUICK][:1], indirect=True, scope="module")
BOTH = pytest.mark.parametrize("rig", [*QUICK], indirect=True, scope="module")


@BOTH
def test_the_documents_are_worth_the_test(expected: Lines) -> None:
    assert len(expected["documents"]) == len(FILES) + 2
    assert sum('"completed"' in line for line in expected["documents"]) == len(FILES) + 1
    assert len(expected["relationships"]) >= 3
    assert any("CO_OCCURS_WITH" in line for line in expected["edges"])


@BOTH
@pytest.mark.parametrize("point", SAVES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_at_a_commit(rig: Rig, expected: Lines, when: str, point: str) -> None:
    """After it: done, but the message was not acknowledged."""
    assert different(rig.play(FILES, f"{when} {point} kill"), expected) == {}


@ONE_WORKER
@pytest.mark.parametrize(
    "fault",
    [
        "before split kill",
        "after split kill",
        "after split wipe",
        "after begin_part kill",
        "before save_part kill",
        "after save_part kill",
        "after save_part wipe",
        f"after save_part {RANGES} kill",
        f"after save_part {RANGES} wipe",
        "before join_parts kill",
        "after join_parts kill",
        "after join_parts wipe",
        "before split: cut",
        "after split: cut",
        "before save_part: cut",
        "after save_part: cut",
        "after join_parts: cut",
    ],
)
def test_page_ranges(rig: Rig, expected: Lines, fault: str) -> None:
    """Inside the chord, after the last range, and before, in and after what puts them together."""
    assert different(rig.play(FILES, fault), expected) == {}


@BOTH
@pytest.mark.parametrize("point", SAVES[:-1])
def test_a_broker_that_forgets_everything_between_two_steps(rig: Rig, expected: Lines, point: str) -> None:
    assert different(rig.play(FILES, f"after {point} wipe"), expected) == {}


@ONE_WORKER
@pytest.mark.parametrize("point", ["write_node", "write_document", "write_figures"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_at_a_write_to_the_graph(rig: Rig, expected: Lines, when: str, point: str) -> None:
    assert different(rig.play(FILES, f"{when} {point} kill"), expected) == {}


@ONE_WORKER
@pytest.mark.parametrize("point", ["_write_chunks", "_sync_mentions", "_write_relations"])
def test_a_process_that_dies_within_a_transaction_of_the_graph(rig: Rig, expected: Lines, point: str) -> None:
    assert different(rig.play(FILES, f"after {point} kill"), expected) == {}


@ONE_WORKER
@pytest.mark.parametrize("point", ["begin", *SAVES, "save_relations", "take_graph_turn", "end_turn", "fail"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_breaks_at_a_statement(rig: Rig, expected: Lines, when: str, point: str) -> None:
    """After it: whether it was committed is not known to the one who asked."""
    assert different(rig.play(FILES, f"{when} {point}: cut"), expected) == {}
