"""Fixtures that need real servers. The first one asked for starts them; see ``tests/servers.py``."""

import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import neo4j
import pytest
import redis
from xdist.scheduler import LoadScopeScheduling

from pipeline.supervisor import Endpoints
from tests.servers import fresh_database, make_template, on_broker, running_servers

MODELS = "MODEL_FOLDER"
_broker_numbers = count()
BROKER_DATABASES = 15


def pytest_configure(config: pytest.Config) -> None:
    """Weights are prepared once, for all tests, lanes and the processes they start."""
    if config.cache:
        os.environ.setdefault(MODELS, str(config.cache.mkdir("models")))


@pytest.fixture(scope="session")
def models() -> Path:
    """Folder of prepared weights."""
    return Path(os.environ[MODELS])


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """The embedded servers, started once a session."""
    with running_servers() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(endpoints: Endpoints) -> str:
    """Name of the database that ``database_url`` is copied from."""
    return make_template(endpoints)


@pytest.fixture
def database_url(endpoints: Endpoints, migrated_template: str) -> Iterator[str]:
    """URL of a fresh database with the whole schema, dropped afterwards."""
    with fresh_database(endpoints, migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(endpoints: Endpoints) -> Iterator[str]:
    """URL of a fresh database with nothing in it, dropped afterwards."""
    with fresh_database(endpoints) as url:
        yield url


@pytest.fixture
def broker_url(endpoints: Endpoints) -> Iterator[str]:
    """URL of an empty numbered database of the broker; each test has another."""
    url = on_broker(endpoints, 1 + next(_broker_numbers) % BROKER_DATABASES)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def graph_driver(endpoints: Endpoints) -> Iterator[neo4j.Driver]:
    """A driver to the graph server."""
    with neo4j.GraphDatabase.driver(endpoints.graph_uri, auth=(endpoints.graph_user, endpoints.graph_password)) as driver:
        yield driver


@pytest.fixture
def graph(graph_driver: neo4j.Driver) -> neo4j.Driver:
    """The driver to an empty graph; its database is named ``neo4j``."""
    graph_driver.execute_query("MATCH (n) DETACH DELETE n", database_="neo4j")
    return graph_driver


# Every point is proved by `make proofs`, which takes an hour or more; of these tables `make test` runs the lines below.
TABLES = (
    "test_points.py",
    "test_damage_of_every_kind",
    "test_textract_jobs.py",
    "test_embedding_change.py",
    "test_language_model.py",
    "test_a_backup_made_in_the_middle",
    "while_a_batch_is_answered",
    "[supabase",
    "test_a_run_is_seen_and_so_is_a_worker_that_is_killed",
    "test_stops_in_the_middle_of_a_long_step",
    "test_a_worker_that_is_killed_among_the_ranges",
    "test_a_broker_that_forgets_everything_after_the_last_range",
    "test_reads_a_turned_page",
    "test_order_workers_and_past_make_no_difference",
    "test_everything_is_as_if_nothing_had_been_asked",
    "test_the_steps_of_a_quick_document_take_one_message",
    "test_what_failed_comes_back_to_the_step_that_failed",
    "test_graph_lost.py",
    "[never counted-",
    "test_auto_takes_the_better_of_two_results",
    "test_the_same_page_gives_the_same_result",
    "test_documents_are_processed_over_rest_alone",
    "test_a_chain_over_files_in_s3",
    "test_a_server_that_does_not_start_is_tried_again",
    "test_a_worker_of_several_queues_takes_what_is_nearest_to_its_end",
    "test_documents_go_all_the_way_and_bad_ones_end_in_a_clear_error",
    "test_short_work_is_finished",
    "test_chain.py::test_a_worker_that_is_killed_costs_nothing",
    "test_the_database_is_killed_in_the_middle_of_a_step",
    "test_a_retry_repeats_no_step_that_was_done",
)
SHORT = (
    "test_the_documents_are_worth_the_test[steps in one worker]",
    "[after-save_mentions-steps in one worker]",
    "[after save_part kill-steps in one worker]",
    "[after save_part 4 wipe-steps in one worker]",
    "[1-one_by_one]",
    "[1-at_once]",
    "[2-with_a_past]",
    "[deleted_while_others_run]",
    "[deleted_and_come_again]",
    "[cancelled_on_the_way_and_retried]",
    "[course6]",
    "two_steps[save_chunks-steps in one worker]",
    "[after-write_document-steps in one worker]",
    "statement[after-save_resolution-steps in one worker]",
    "[a weight is wrong]",
    "[a relation stands twice]",
    "[it has another name]",
    "[a document that never was]",
    "[everything]",
    "::test_a_worker_killed_after_it_submitted_and_doubled_tasks_start_one_job",
    "test_names_and_relations_come_from_the_model_and_stand_in_the_graph[gevent]",
    "test_the_doctor_tries_every_model[as it should be]",
    "test_the_doctor_tries_every_model[wrong key]",
    "[90-tesseract]",
    "[tesseract]",
    "[270-auto]",
)
WHOLE = ("test_leases.py", "test_claim.py")
"""Contracts that `make test` tries over REST too."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what only `make proofs` runs."""
    for item in items:
        listed = any(table in item.nodeid for table in TABLES) and not any(name in item.nodeid for name in WHOLE)
        if listed and not item.nodeid.endswith(SHORT):
            item.add_marker(pytest.mark.proof)


# Files whose tests share what is dear to make: a home with everything in it, a site that Chromium looks at.
TOGETHER = re.compile(r"tests/(web|acceptance/test_(?:run|kill))\b")


class InLanes(LoadScopeScheduling):
    """A file's tests, or those of files that belong together, go to one lane."""

    def _split_scope(self, nodeid: str) -> str:
        found = TOGETHER.match(nodeid)
        return found[1].partition("/")[0] if found else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> InLanes:
    """What shares a lane."""
    return InLanes(config, log)
