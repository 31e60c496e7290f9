from pipeline.celery_app import celery_settings
from pipeline.queues import WORKER_TYPES, queue_of, task_routes
from pipeline.settings import load_settings
from pipeline.status import Step


def test_every_step_goes_to_the_queue_of_its_stage() -> None:
    assert {step: queue_of(step) for step in Step} == {step: str(step.family) for step in Step}
    assert task_routes().items() >= {step.value: {"queue": str(step.family)} for step in Step}.items()


def test_an_unknown_task_goes_to_the_default_queue() -> None:
    assert queue_of("somebody_elses_task") == "default"
    assert "default" in {worker.name for worker in WORKER_TYPES}


def test_downstream_queues_come_first() -> None:
    order = [worker.name for worker in WORKER_TYPES]
    wanted = [step.family for step in reversed(Step)]
    assert [name for name in order if name not in ("default", "ocr_pages")] == list(dict.fromkeys(map(str, wanted)))
    assert order.index("ocr_pages") < order.index("ocr")


def test_the_parts_of_large_documents_have_a_queue_of_their_own() -> None:
    assert (queue_of("process_pages"), queue_of("aggregate_pages")) == ("ocr_pages", "ocr")


def test_celery_is_told_the_same() -> None:
    told = celery_settings(load_settings(_env_file=None, celery_broker_url="redis://localhost/0"))
    assert list(told["task_queues"]) == [worker.name for worker in WORKER_TYPES]
    assert told["task_routes"] == task_routes()
    assert told["broker_transport_options"]["visibility_timeout"] > told["task_time_limit"] >= told["task_soft_time_limit"]
    assert told["broker_transport_options"]["max_connections"] > max(worker.concurrency for worker in WORKER_TYPES)
