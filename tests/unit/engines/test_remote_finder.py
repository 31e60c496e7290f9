"""Names and relations by a language model: the real client against a stand-in."""

import json
from collections.abc import Iterator

import pytest

from pipeline.engines.entities.patterns import PatternFinder
from pipeline.engines.remote.faults import Unanswered
from pipeline.engines.remote.finder import RemoteFinder
from pipeline.errors import Misconfigured
from pipeline.model import EntityType, Predicate, Span
from tests.office import TestOffice
from tests.standins.openai import Behaviour, OpenAIStandIn, completion, error

TEXT = "Clara Berger works for Northgate Bank. Anna Novak met Clara Berger. Anna Novak lives in Porto."


@pytest.fixture
def standin() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def desk() -> TestOffice:
    return TestOffice()


def said(text: str, span: Span) -> str:
    return text[span.start : span.end]


def test_names_and_typed_relations_with_their_places(standin: OpenAIStandIn, desk: TestOffice) -> None:
    found = RemoteFinder(desk.caller(standin)).extract(TEXT)
    assert [(TEXT[m.start : m.end], m.type) for m in found.mentions] == [
        ("Clara Berger", EntityType.PERSON),
        ("Northgate Bank", EntityType.ORGANIZATION),
        ("Anna Novak", EntityType.PERSON),
        ("Clara Berger", EntityType.PERSON),
        ("Anna Novak", EntityType.PERSON),
        ("Porto", EntityType.LOCATION),
    ]
    assert [(said(TEXT, r.subject), r.predicate, said(TEXT, r.object)) for r in found.relations] == [
        ("Clara Berger", Predicate.WORKS_FOR, "Northgate Bank"),
        ("Anna Novak", Predicate.MET, "Clara Berger"),
        ("Anna Novak", Predicate.LIVES_IN, "Porto"),
    ]
    assert said(TEXT, found.relations[1].evidence) == "Anna Novak met Clara Berger"
    assert found.relations[1].object.start == TEXT.index("Clara Berger", 10)
    assert (found.dropped, found.fallbacks) == (0, 0)


def test_a_long_text_goes_in_pieces_and_places_are_of_the_whole(standin: OpenAIStandIn, desk: TestOffice) -> None:
    text = "\n\n".join(f"{TEXT} Folio {number} is empty." for number in range(40))
    found = RemoteFinder(desk.caller(standin), piece=500).extract(text)
    assert len(standin.books.calls) > 8
    assert sum(text[m.start : m.end] == "Northgate Bank" for m in found.mentions) == 40
    assert len(found.relations) == 120
    assert all(said(text, r.evidence).startswith(said(text, r.subject)) for r in found.relations)


def test_nothing_is_paid_for_twice(standin: OpenAIStandIn, desk: TestOffice) -> None:
    first = RemoteFinder(desk.caller(standin)).extract(TEXT)
    assert RemoteFinder(desk.caller(standin, base_url=standin.url + "/")).extract(TEXT) == first
    assert len(standin.books.calls) == len(desk.ledger.used) == 1


def test_usage_is_told_and_the_booking_put_right(standin: OpenAIStandIn, desk: TestOffice) -> None:
    RemoteFinder(desk.caller(standin)).find(TEXT)
    [usage] = desk.ledger.used
    assert (usage.endpoint, usage.model) == ("stand-in", "test-model")
    assert (usage.input_tokens, usage.output_tokens) == (standin.books.input_tokens, standin.books.output_tokens)
    assert desk.turns.used == [usage.input_tokens + usage.output_tokens]
    assert desk.turns.booked[0] > usage.input_tokens


def test_what_the_text_does_not_hold_is_dropped_and_counted(standin: OpenAIStandIn, desk: TestOffice) -> None:
    answer = {
        "mentions": [
            {"quote": "Anna Novak", "type": "PERSON", "confidence": 0.7},
            {"quote": "Anna", "type": "LOCATION", "confidence": 1},
            {"quote": "Nobody Here", "type": "PERSON", "confidence": 0.9},
            {"quote": "erger", "type": "PERSON", "confidence": 0.9},
            {"quote": "Porto", "type": "PLANET", "confidence": 0.9},
            {"quote": 7, "type": "PERSON"},
            "Porto",
        ],
        "relations": [
            {
                "subject": "Anna Novak",
                "predicate": "MET",
                "object": "Clara Berger",
                "evidence": "Anna Novak met\nClara Berger",
            },
            {"subject": "Anna Novak", "predicate": "HATES", "object": "Clara Berger", "evidence": "Anna Novak met"},
            {"subject": "Anna Novak", "predicate": "MET", "object": "Clara Berger", "evidence": "they met in secret"},
            {"subject": "Anna Novak", "predicate": "MET", "object": "Anna Novak", "evidence": "Anna Novak met"},
        ],
    }
    standin.script.append(completion(json.dumps(answer)))
    found = RemoteFinder(desk.caller(standin)).extract(TEXT)
    assert {(TEXT[m.start : m.end], m.type, m.confidence) for m in found.mentions} == {
        ("Anna Novak", EntityType.PERSON, 0.7)
    }
    assert len(found.relations) == 1
    assert found.dropped == 5 + 3


BROKEN = [completion('{"mentions": [{"quote": "An'), completion("Here are the names."), completion('{"mentions": 3}')]
REFUSED = [completion(None, refusal="No."), completion("", finish="content_filter"), error(400, "…", "content_filter")]


@pytest.mark.parametrize("reply", BROKEN + REFUSED)
def test_a_useless_answer_is_asked_for_once_more_with_the_fault_named(
    standin: OpenAIStandIn, desk: TestOffice, reply: object
) -> None:
    standin.script.append(reply)  # type: ignore[arg-type]
    found = RemoteFinder(desk.caller(standin)).extract(TEXT)
    assert len(found.mentions) == 6
    first, second = (call.body["messages"] for call in standin.books.calls)
    assert len(first) == 2
    assert "not usable" in second[2]["content"] or "refuses" in second[2]["content"]


def test_then_another_engine_answers_where_that_is_allowed(standin: OpenAIStandIn, desk: TestOffice) -> None:
    text = "Write to clara@example.org before 4 May 1911."
    finder = RemoteFinder(desk.caller(standin), fallback=PatternFinder())
    standin.script.extend([completion("no"), completion("no")])
    found = finder.extract(text)
    assert found.fallbacks == 1
    assert [m.type for m in found.mentions] == [EntityType.EMAIL, EntityType.DATE]
    assert "patterns" in finder.engine.options


def test_else_the_document_fails_in_words(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.script.extend([completion(None, refusal="No.")] * 2)
    with pytest.raises(Unanswered) as fault:
        RemoteFinder(desk.caller(standin)).find(TEXT)
    assert fault.value.code == "refused"
    assert desk.answers.get(["x"]) == {}


def test_a_text_too_long_for_the_model_goes_in_smaller_pieces(desk: TestOffice) -> None:
    text = " ".join(f"{TEXT} Folio {number} is empty." for number in range(20))
    with OpenAIStandIn(Behaviour(context=900)) as standin:
        found = RemoteFinder(desk.caller(standin)).extract(text)
    assert sum(text[m.start : m.end] == "Northgate Bank" for m in found.mentions) == 20


def test_an_answer_that_is_cut_off_asks_for_smaller_pieces(standin: OpenAIStandIn, desk: TestOffice) -> None:
    text = "\n\n".join([TEXT] * 10)
    standin.script.append(completion('{"mentions": [', finish="length"))
    assert len(RemoteFinder(desk.caller(standin)).extract(text).mentions) == 60


def test_a_model_that_cannot_take_a_line_is_the_wrong_one(desk: TestOffice) -> None:
    with OpenAIStandIn(Behaviour(context=10)) as standin, pytest.raises(Misconfigured) as fault:
        RemoteFinder(desk.caller(standin)).find(TEXT)
    assert fault.value.code == "context_small"


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(formats=frozenset({"json_object"})),
        Behaviour(formats=frozenset()),
        Behaviour(formats=frozenset({"json_object"}), format_status=500),
        Behaviour(temperature=False),
        Behaviour(formats=frozenset(), temperature=False),
    ],
)
def test_options_that_a_server_does_not_take_are_left_out(behaviour: Behaviour, desk: TestOffice) -> None:
    with OpenAIStandIn(behaviour) as standin:
        finder = RemoteFinder(desk.caller(standin, patience=0.1))
        assert len(finder.find(TEXT)) == 6
        refused = len(standin.books.calls) - 1
        assert finder.find(TEXT + " More.")
        assert len(standin.books.calls) == refused + 2


def test_no_tools_and_a_new_fence_for_every_call(standin: OpenAIStandIn, desk: TestOffice) -> None:
    RemoteFinder(desk.caller(standin), piece=400).find("\n\n".join(f"{TEXT} Folio {n}." for n in range(12)))
    bodies = [call.body for call in standin.books.calls]
    assert all(not {"tools", "functions", "tool_choice"} & set(body) for body in bodies)
    fences = {body["messages"][1]["content"].partition("\n")[0] for body in bodies}
    assert len(fences) == len(bodies) > 3
    assert len({body["messages"][0]["content"] for body in bodies}) == 1
