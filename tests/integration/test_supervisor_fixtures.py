"""The fixtures that other tests stand on."""

import neo4j
import psycopg
import pytest
import redis

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_a_fresh_database_with_the_schema(database_url: str, _turn: int) -> None:
    with psycopg.connect(database_url) as db:
        assert db.execute("select count(*) from projects").fetchone() == (0,)
        db.execute("insert into projects (id, name) values (gen_random_uuid(), 'left over')")


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_an_empty_broker(broker_url: str, _turn: int) -> None:
    with redis.Redis.from_url(broker_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_an_empty_graph(graph: neo4j.Driver, _turn: int) -> None:
    assert graph.execute_query("MATCH (n) RETURN count(n) AS n", database_="neo4j").records[0]["n"] == 0
    graph.execute_query("CREATE (:Left {n: 1})", database_="neo4j")
