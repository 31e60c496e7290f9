"""``GET /api/status``, and queues that are paused and resumed over HTTP."""

import httpx
import pytest
from pydantic import SecretStr

from pipeline.model import Submission
from pipeline.queues import WORKER_TYPES
from pipeline.settings import Settings
from pipeline.stores.api_keys import Scope
from tests.api_server import Served, served
from tests.matter import Matter, fill


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def test_what_runs_is_told_to_whom_it_concerns(api: Served, client: httpx.Client, matter: Matter) -> None:
    api.store.submit("other", [Submission("late", "late", "late", 1, "late")])
    api.store.claim(10, 1000)
    seen = client.get("/api/status").json()
    assert (seen["broker"], seen["database"]) == ("ok", "ok")
    assert {queue["name"] for queue in seen["queues"]} == {kind.name for kind in WORKER_TYPES}
    assert sum(queue["depth"] for queue in seen["queues"]) == 1
    assert not any(queue["paused"] for queue in seen["queues"])
    (failed,) = seen["failures"]
    assert (failed["document_id"], failed["code"], failed["step"]) == (matter.broken, "encrypted", "process_ocr")
    assert len(seen["throughput"]) == 60
    assert sum(minute["documents"] for minute in seen["throughput"]) == 5
    with api.client(Scope.ADMIN, "other") as other:
        own = other.get("/api/status").json()
    assert (own["failures"], own["workers"], own["broker"]) == ([], [], "ok")
    assert sum(minute["documents"] for minute in own["throughput"]) == 0
    assert sum(queue["depth"] for queue in own["queues"]) == 1


def test_a_broker_that_is_away_is_told_of(settings: Settings) -> None:
    away = settings.model_copy(update={"celery_broker_url": SecretStr("redis://:hidden@127.0.0.1:1/0")})
    with served(away) as api, api.client() as client, api.client(project="other") as other:
        seen, own = client.get("/api/status").json(), other.get("/api/status").json()
    assert seen["broker"].startswith("The broker at")
    assert "hidden" not in seen["broker"]
    assert seen["broker"] in seen["problems"]
    assert own["broker"] == "The broker does not answer."
    assert seen["database"] == "ok"


def test_a_queue_is_paused_and_resumed_by_an_admin(api: Served) -> None:
    with api.client(Scope.ADMIN) as admin, api.client(Scope.WRITE) as writer, api.client(Scope.ADMIN, "one") as own:
        assert admin.post("/api/queues/graph/pause").json() == {"name": "graph", "paused": True}
        assert [pause.queue for pause in api.store.pauses()] == ["graph"]
        assert writer.post("/api/queues/graph/resume").status_code == 403
        assert own.post("/api/queues/graph/resume").json()["code"] == "foreign_project"
        assert admin.post("/api/queues/none/pause").json()["code"] == "no_such_queue"
        assert [queue["name"] for queue in admin.get("/api/status").json()["queues"] if queue["paused"]] == ["graph"]
        assert admin.post("/api/queues/graph/resume").json() == {"name": "graph", "paused": False}
        assert api.store.pauses() == []
