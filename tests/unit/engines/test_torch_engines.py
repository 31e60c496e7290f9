"""The engines of the extra ``torch``: what they say where it is missing; where it is there, that they agree with the others.

The extra is not installed in CI, where several GB have no place: what needs it is left out there.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.engines.embeddings.onnx_embedder import PACKAGED, OnnxEmbedder
from pipeline.engines.embeddings.sentence_transformer import SentenceTransformerEmbedder
from pipeline.engines.speech.openai_whisper import OpenAIWhisperSpeech
from pipeline.engines.speech.whisper import WhisperSpeech
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Sound
from tests.whisper_checkpoint import write_checkpoint

DATA = Path(__file__).parents[2] / "data"
# openai-whisper leaves its table of tokens open
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
absent = pytest.mark.skipif(find_spec("torch") is not None, reason="the extra torch is installed")
present = pytest.mark.skipif(find_spec("torch") is None, reason="the extra torch is not installed")


@absent
def test_the_extra_is_named_where_it_is_missing(tmp_path: Path) -> None:
    for make in (
        lambda: SentenceTransformerEmbedder(PACKAGED, tmp_path),
        lambda: OpenAIWhisperSpeech(tmp_path, "base"),
        lambda: OpenAIWhisperSpeech.description("base"),
    ):
        with pytest.raises(Misconfigured, match=r"nlp-pipeline\[torch\]") as fault:
            make()
        assert fault.value.code == "engine_missing"


@present
def test_vectors_are_those_of_the_default_engine(tmp_path: Path) -> None:
    texts = json.loads((DATA / "minilm_reference.json").read_text(encoding="utf-8"))
    vectors = SentenceTransformerEmbedder(PACKAGED, tmp_path, "cpu").embed(texts)
    assert (vectors * OnnxEmbedder(PACKAGED, tmp_path).embed(texts)).sum(axis=1).min() >= 0.999
    assert (vectors * np.load(DATA / "minilm_reference.npy")).sum(axis=1).min() >= 0.999


@present
@pytest.mark.parametrize("model", ["/no/such/folder", "one/two/three", "a name with spaces"])
def test_a_model_that_cannot_be_is_named(tmp_path: Path, model: str) -> None:
    with pytest.raises(Misconfigured, match="EMBEDDING_MODEL") as fault:
        SentenceTransformerEmbedder(model, tmp_path, "cpu")
    assert fault.value.code == "weights_missing"


@present
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as fault:
        SentenceTransformerEmbedder(str(tmp_path), tmp_path, "cpu")
    assert fault.value.code == "weights_wrong"


@present
def test_a_recording_says_what_the_default_engine_hears(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(weight_files("whisper-base", tmp_path)["model.bin"], tmp_path / "base.pt")
    samples, _ = soundfile.read(DATA / "spoken.flac", dtype="int16")
    sound = Sound(samples.astype("<i2").tobytes())
    page, language = OpenAIWhisperSpeech(tmp_path, str(checkpoint), "cpu").transcribe(sound)
    other, same = WhisperSpeech(tmp_path).transcribe(sound)
    assert (page.text.lower(), language) == (other.text.lower(), same)


@present
@pytest.mark.parametrize(("content", "code"), [(None, "weights_missing"), (b"", "weights_wrong"), (b"PK", "weights_wrong")])
def test_speech_models_that_are_none_are_named(tmp_path: Path, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(Misconfigured) as fault:
        OpenAIWhisperSpeech(tmp_path, str(tmp_path / "model.pt"), "cpu")
    assert fault.value.code == code
