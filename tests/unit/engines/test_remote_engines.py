"""Pictures, vectors and recordings at a service: the real client against a stand-in."""

import io
import itertools
import wave
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.engines.remote import tokens
from pipeline.engines.remote.embedder import BATCH, RemoteEmbedder
from pipeline.engines.remote.faults import Unanswered
from pipeline.engines.remote.languages import code_of
from pipeline.engines.remote.pieces import pieces
from pipeline.engines.remote.speech import RemoteSpeech
from pipeline.engines.remote.vision import RemoteOcr
from pipeline.engines.speech.windows import RATE
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import PageImage, Sound
from tests.office import TestOffice
from tests.standins.openai import UPLOAD_LIMIT, OpenAIStandIn, Reply, completion


@pytest.fixture
def standin() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def desk() -> TestOffice:
    return TestOffice()


def page(width: int = 300, height: int = 200, *, noise: bool = False) -> PageImage:
    picture = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(picture).text((20, 20), "Invoice 4711", fill="black")
    if noise:
        picture = Image.effect_noise((width, height), 90).convert("RGB")
    return PageImage(3, width, height, 3, picture.tobytes(), 150)


def test_a_page_is_read_once_and_paid_by_the_page(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.behaviour.eyes = lambda _: "Invoice 4711\r\nin full \x07\n\n"
    engine = RemoteOcr(desk.caller(standin))
    first = engine.recognize(page())
    assert engine.recognize(page()) == first
    assert first.text == "Invoice 4711\nin full"
    assert (first.number, first.words, first.width) == (3, (), 144.0)
    assert first.confidence < 0.8
    assert [usage.pages for usage in desk.ledger.used] == [1]


def test_a_blank_page_is_not_sent(standin: OpenAIStandIn, desk: TestOffice) -> None:
    blank = PageImage(1, 100, 100, 1, b"\xff" * 10_000)
    assert RemoteOcr(desk.caller(standin)).recognize(blank).confidence == 1.0
    assert standin.books.calls == []


def test_nothing_read_on_a_page_with_ink_is_not_sure(standin: OpenAIStandIn, desk: TestOffice) -> None:
    found = RemoteOcr(desk.caller(standin)).recognize(page())
    assert (found.text, found.confidence) == ("", 0.0)


def test_a_large_picture_is_made_smaller(standin: OpenAIStandIn, desk: TestOffice) -> None:
    seen: list[Image.Image] = []

    def look(file: bytes) -> str:
        seen.append(Image.open(io.BytesIO(file)))
        return "noise"

    standin.behaviour.eyes = look
    RemoteOcr(desk.caller(standin)).recognize(page(3000, 2400, noise=True))
    assert seen[0].format == "JPEG"
    assert max(seen[0].size) == 2048


def test_a_page_that_the_model_refuses(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.script.extend([completion(None, refusal="No."), completion("…", finish="length")])
    with pytest.raises(Unanswered) as fault:
        RemoteOcr(desk.caller(standin)).recognize(page())
    assert fault.value.code == "too_long"


def test_vectors_in_batches_keep_their_order_and_are_paid_once(standin: OpenAIStandIn, desk: TestOffice) -> None:
    texts = [f"ledger {number} {'crate ' * (number % 9)}" for number in range(2 * BATCH + 10)]
    embedder = RemoteEmbedder(desk.caller(standin), 64)
    together = embedder.embed([*texts, texts[0]])
    assert len(standin.books.calls) == 3
    assert np.array_equal(together[-1], together[0])
    alone = RemoteEmbedder(TestOffice().caller(standin), 64)
    for number in (0, BATCH, 2 * BATCH + 9):
        assert np.allclose(together[number], alone.embed([texts[number]])[0], atol=1e-6)
    before = len(standin.books.calls)
    assert np.array_equal(embedder.embed(texts[5:9]), together[5:9])
    assert len(standin.books.calls) == before
    assert sum(u.input_tokens for u in desk.ledger.used) > 2 * BATCH


def test_vectors_of_another_length_are_a_wrong_setting(standin: OpenAIStandIn, desk: TestOffice) -> None:
    with pytest.raises(Misconfigured) as fault:
        RemoteEmbedder(desk.caller(standin), 384).embed(["ledger"])
    assert fault.value.code == "dimension_mismatch"
    assert RemoteEmbedder(desk.caller(standin), 384, shorten=True).embed(["ledger"]).shape == (1, 384)


@pytest.mark.parametrize("row", [[0.0] * 64, [float("nan")] * 64])
def test_a_vector_that_is_none(standin: OpenAIStandIn, desk: TestOffice, row: list[float]) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": row}]
    standin.script.append(Reply(body={"object": "list", "model": "m", "data": data, "usage": None}))
    with pytest.raises(ServiceUnavailable):
        RemoteEmbedder(desk.caller(standin, patience=0.0), 64).embed(["ledger"])


def test_an_answer_that_lacks_a_text(standin: OpenAIStandIn, desk: TestOffice) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [1.0] * 64}]
    standin.script.append(Reply(body={"object": "list", "model": "m", "data": data, "usage": None}))
    with pytest.raises(ServiceUnavailable):
        RemoteEmbedder(desk.caller(standin, patience=0.0), 64).embed(["ledger", "crate"])


def tone(seconds: float) -> bytes:
    times = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2000 * times)).astype("<i2").tobytes()


def test_a_long_recording_goes_in_pieces_below_the_limit(standin: OpenAIStandIn, desk: TestOffice) -> None:
    lengths: list[float] = []

    def listen(file: bytes) -> dict[str, object]:
        assert len(file) < UPLOAD_LIMIT
        with wave.open(io.BytesIO(file)) as recording:
            assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (RATE, 1, 2)
            lengths.append(recording.getnframes() / RATE)
        said = {"start": 1.0, "end": 2.5, "text": f" part {len(lengths)}", "avg_logprob": -0.1, "no_speech_prob": 0.1}
        made_up = {"start": 3.0, "end": 4.0, "text": "Thank you.", "avg_logprob": -0.1, "no_speech_prob": 0.9}
        return {"text": "", "segments": [said, made_up]}

    standin.behaviour.ears = listen
    found, language = RemoteSpeech(desk.caller(standin, timeout=120.0)).transcribe(Sound(tone(1300)))
    assert found.text == "part 1\npart 2\npart 3"
    assert language == "en"
    assert [found.text[s.start : s.end] for s in found.segments] == ["part 1", "part 2", "part 3"]
    assert [s.begin_seconds for s in found.segments] == pytest.approx([1, 1 + lengths[0], 1 + lengths[0] + lengths[1]])
    assert sum(lengths) == pytest.approx(1300)
    assert sum(usage.audio_seconds for usage in desk.ledger.used) == pytest.approx(1300)
    assert standin.books.calls[0].body["response_format"] == "verbose_json"
    assert [call.body.get("language") for call in standin.books.calls] == [None, "en", "en"]


def test_a_model_that_gives_the_text_alone(standin: OpenAIStandIn, desk: TestOffice) -> None:
    standin.script.append(Reply(body={"text": "Hello there."}))
    found, language = RemoteSpeech(desk.caller(standin), times=False).transcribe(Sound(tone(4)))
    assert (found.text, language) == ("Hello there.", "")
    assert [(s.begin_seconds, s.end_seconds) for s in found.segments] == [(0.0, 4.0)]


def test_a_recording_is_paid_once(standin: OpenAIStandIn, desk: TestOffice) -> None:
    engine = RemoteSpeech(desk.caller(standin))
    assert engine.transcribe(Sound(tone(2))) == engine.transcribe(Sound(tone(2)))
    assert len(standin.books.calls) == 1


@pytest.mark.parametrize(("said", "code"), [("english", "en"), ("German", "de"), ("fr", "fr"), ("klingon", ""), (None, "")])
def test_languages(said: str | None, code: str) -> None:
    assert code_of(said) == code


@pytest.mark.parametrize(
    "text", ["", "word", "One. Two! Three?\n\nFour " * 200, "x" * 3000, " \n" * 500 + "end", "日本。" * 900]
)
def test_pieces_hold_all_of_the_text(text: str) -> None:
    found = list(pieces(text, 500))
    assert all(0 < end - start <= 500 for start, end in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(text.split())


def test_pieces_end_with_sentences() -> None:
    text = "The clerk counted the crates. " * 100
    assert all(text[start:end].endswith("crates.") for start, end in pieces(text, 500))


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("word", 1), ("internationalisation", 4), ("1234", 2), ("a, b", 3), ("日本", 2), ("नमस्ते", 6)],
)
def test_tokens_by_rule(text: str, number: int) -> None:
    assert tokens.count(text) == len(tokens.token_spans(text)) == number


def test_a_text_is_cut_by_tokens() -> None:
    assert tokens.cut("one two three", 2) == "one two"
    assert tokens.cut("one two three", 9) == "one two three"
