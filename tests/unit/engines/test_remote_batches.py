"""The batch interface of a service: the real client against a stand-in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engines.remote.batches import BatchService, NotThere, line_of
from pipeline.engines.remote.chat import Chat
from pipeline.engines.remote.finder import usable
from pipeline.engines.remote.questions import about
from pipeline.errors import BadDocument, Misconfigured, PipelineError, Refused, ServiceUnavailable, Throttled
from pipeline.model import BatchAnswer
from tests.office import TestOffice
from tests.standins.openai import OpenAIStandIn, error

TEXTS = {f"{n}" * 64: f"Clara Berger met Anna Novak on page {n}." for n in range(4)}


@pytest.fixture
def standin() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def service(standin: OpenAIStandIn) -> BatchService:
    return BatchService(TestOffice().caller(standin, patience=0.0), usable)


@pytest.fixture
def questions(standin: OpenAIStandIn, tmp_path: Path) -> Path:
    chat, path = Chat(TestOffice().caller(standin)), tmp_path / "questions.jsonl"
    path.write_text(
        "".join(line_of(key, chat.written(about(text)).request) for key, text in TEXTS.items()), encoding="utf-8"
    )
    return path


def done(service: BatchService, path: Path) -> tuple[str, list[BatchAnswer]]:
    """Send it and look until it has ended; state and all that came of it."""
    name = service.create(service.upload(path, "questions.jsonl"))
    while not (seen := service.look(name)).ended:
        pass
    said: list[BatchAnswer] = []
    for file in filter(None, (seen.output, seen.errors)):
        with service.answers(file) as answers:
            said += answers
    return seen.state, sorted(said)


def test_every_question_is_answered_once(standin: OpenAIStandIn, service: BatchService, questions: Path) -> None:
    state, said = done(service, questions)
    assert state == "completed"
    assert [each.fingerprint for each in said] == sorted(TEXTS)
    for each in said:
        usable(each.answer or "")
    assert sum(each.tokens[0] for each in said if each.tokens) == standin.books.input_tokens
    assert standin.report()["answered"] == 4


def test_what_failed_has_no_answer_and_costs_nothing(standin: OpenAIStandIn, service: BatchService, questions: Path) -> None:
    standin.behaviour.batches.failing = "page 1"
    _, said = done(service, questions)
    assert [each for each in said if each.answer is None] == [BatchAnswer("1" * 64)]


def test_a_batch_that_expires_half_done_gives_its_half(
    standin: OpenAIStandIn, service: BatchService, questions: Path
) -> None:
    standin.behaviour.batches.expires = True
    state, said = done(service, questions)
    assert state == "expired"
    assert [each.answer is None for each in said] == [False, False, True, True]


@pytest.mark.parametrize("behaviour", ["broken", "refusing"])
def test_an_answer_that_is_not_usable_was_paid_for(
    standin: OpenAIStandIn, service: BatchService, questions: Path, behaviour: str
) -> None:
    setattr(standin.behaviour, behaviour, 1.0)
    _, said = done(service, questions)
    assert [each.answer for each in said] == [None] * 4
    assert all(each.tokens for each in said)


@pytest.mark.parametrize(("code", "too_much"), [("token_limit_exceeded", True), ("invalid_json_line", False)])
def test_a_batch_that_is_refused_says_why(
    *, standin: OpenAIStandIn, service: BatchService, questions: Path, code: str, too_much: bool
) -> None:
    standin.behaviour.batches.refused = code
    seen = service.look(service.create(service.upload(questions, "q.jsonl")))
    assert (seen.state, seen.fault, seen.too_much) == ("failed", f"Refused: {code}.", too_much)


def test_what_was_sent_is_found_again(standin: OpenAIStandIn, service: BatchService, questions: Path) -> None:
    assert (service.uploaded("mine.jsonl"), service.created("file-1")) == ("", "")
    file = service.upload(questions, "mine.jsonl")
    batch = service.create(file)
    other = service.upload(questions, "other.jsonl")
    for _ in range(102):  # more than one page of the list
        service.create(other)
    assert (service.uploaded("mine.jsonl"), service.created(file)) == (file, batch)
    service.remove(file)
    service.remove(file)
    assert service.uploaded("mine.jsonl") == ""


def test_a_service_without_batches_says_what_to_set(standin: OpenAIStandIn, service: BatchService, questions: Path) -> None:
    standin.behaviour.batches.there = False
    for ask in (service.probe, lambda: service.upload(questions, "q"), lambda: service.create("f")):
        with pytest.raises(Misconfigured, match=r"/v1 has no batches \(HTTP 404\): set OPENAI_BATCH=false\.") as told:
            ask()
        assert told.value.code == "no_batches"


def test_what_the_service_forgot_is_not_there(standin: OpenAIStandIn, service: BatchService, questions: Path) -> None:
    name = service.create(service.upload(questions, "q"))
    standin.behaviour.batches.forgetful = True
    with pytest.raises(NotThere, match=name):
        service.look(name)
    with pytest.raises(NotThere, match="file-9"), service.answers("file-9"):
        pass


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (error(429, "Slow down", headers={"retry-after": "7"}), Throttled),
        (error(401, "No."), Refused),
        (error(500, "Oh."), ServiceUnavailable),
        (error(400, "Invalid file."), BadDocument),
    ],
)
def test_nothing_is_tried_twice(
    standin: OpenAIStandIn, service: BatchService, reply: object, fault: type[PipelineError]
) -> None:
    standin.script.append(reply)  # type: ignore[arg-type]
    with pytest.raises(fault):
        service.create("f")
    assert len(standin.books.calls) == 1


def paid(tokens: tuple[int, int] | None = None) -> BatchAnswer:
    return BatchAnswer("a", paid=True, tokens=tokens)


def good(body: object) -> str:
    return json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None})


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", None),
        ("[1]", None),
        ('{"custom_id": 7}', None),
        ('{"custom_id": "a"}', BatchAnswer("a")),
        ('{"custom_id": "a", "response": null, "error": {"code": "batch_expired"}}', BatchAnswer("a")),
        (
            good({"usage": {"prompt_tokens": 5, "completion_tokens": -1}, "choices": []}),
            paid((5, 0)),
        ),
        (good({"choices": [{"message": {}}]}), paid()),
        (good({"choices": "x", "usage": 3}), paid()),
        (good(None), paid()),
    ],
)
def test_odd_lines_break_nothing(service: BatchService, line: str, answer: BatchAnswer | None) -> None:
    assert service.answer(line) == answer
