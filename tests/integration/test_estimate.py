"""What files would cost: read by the real reader, and nothing is paid for."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.cli.main import execute
from pipeline.engines.remote.tokens import count
from tests import reader_files as files

PRICES = {"mind": {"input": 2.0, "output": 10.0}, "whisper-1": {"minute": 0.6}, "textract:text": {"page": 0.5}}
TEXT = "Clara Berger met Anna Novak in Porto. " * 50


@pytest.fixture
def matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NLP_PIPELINE_HOME", str(tmp_path / "home"))
    for name, value in {
        "PRICES": json.dumps(PRICES), "OCR_ENGINE": "textract-pages", "AWS_REGION": "eu-west-1", "NER_ENGINE": "remote",
        "NER_REMOTE_MODEL": "mind", "SPEECH_ENGINE": "remote", "OPENAI_API_KEY": "none",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    folder = tmp_path / "matter"
    folder.mkdir()
    (folder / "letter.txt").write_text(TEXT)
    (folder / "page.png").write_bytes(
        Path(__file__).parents[2].joinpath("samples/ravensport/11-payment-advice-fax.png").read_bytes()
    )
    Image.new("L", (300, 300), "white").save(folder / "blank.png")
    (folder / "talk.wav").write_bytes(files.tone(30.0))
    (folder / "mail.eml").write_bytes(files.mail())
    (folder / "locked.pdf").write_bytes(files.locked_pdf())
    return folder


def data(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert execute(["estimate", "--json", *words]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_text_is_counted_as_it_will_be_paid_for(matter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "matter/letter.txt")
    assert (found["documents"], found["tokens"]) == (1, count(TEXT))
    items = {item["work"]: item for item in found["items"]}
    assert items["entities"]["output_tokens"] == count(TEXT)
    assert items["entities"]["input_tokens"] > count(TEXT)
    assert items["embeddings"]["model"] is None
    cost = (items["entities"]["input_tokens"] * 2 + items["entities"]["output_tokens"] * 10) / 1e6
    assert found["total"] == pytest.approx(cost)


def test_pages_sound_attachments_and_what_cannot_be_read(matter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "matter", code=3)
    assert [refused["source_path"] for refused in found["refused"]] == ["matter/locked.pdf"]
    assert found["documents"] > 5  # with what the mail holds
    assert found["audio_seconds"] == pytest.approx(30, abs=0.2)
    items = {item["work"]: item for item in found["items"]}
    assert (items["OCR"]["pages"], items["OCR"]["cost"]) == (1, 0.5)
    assert items["speech"]["cost"] == pytest.approx(0.3, abs=0.01)
    assert execute(["estimate", "matter"]) == 3
    assert "Not read: matter/locked.pdf" in capsys.readouterr().out


def test_what_has_no_price_is_named(
    matter: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NER_REMOTE_MODEL", "new")
    monkeypatch.setenv("SPEECH_REMOTE_MODEL", "unheard")  # nothing is to be heard
    found = data(capsys, "matter/letter.txt")
    assert (found["total"], found["unpriced"]) == (None, ["new"])
    assert execute(["estimate", "matter/letter.txt"]) == 0
    assert "what new would cost, which no price is set for (PRICES)" in capsys.readouterr().out


def test_in_batches_it_costs_half(matter: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = data(capsys, "matter/letter.txt")
    monkeypatch.setenv("OPENAI_BATCH", "true")
    in_batches = data(capsys, "matter/letter.txt")
    assert in_batches["total"] == pytest.approx(at_once["total"] / 2) != 0
    assert "mind:batch" in {item["model"] for item in in_batches["items"]}
