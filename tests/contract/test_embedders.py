"""What every embedder promises.

That of the extra ``torch`` is left out where the extra is not installed. It is not in CI, where several GB have no place.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.embeddings.onnx_embedder import OnnxEmbedder
from pipeline.engines.embeddings.sentence_transformer import SentenceTransformerEmbedder
from pipeline.engines.remote.embedder import RemoteEmbedder
from pipeline.ports import Embedder
from tests.office import TestOffice
from tests.standins.openai import OpenAIStandIn


@pytest.fixture(scope="module", params=["onnx", "remote", "sentence-transformers"])
def embedder(request: pytest.FixtureRequest, models: Path) -> Iterator[Embedder]:
    if request.param == "onnx":
        yield OnnxEmbedder("all-MiniLM-L6-v2", models)
        return
    if request.param == "sentence-transformers":
        pytest.importorskip("sentence_transformers", reason="the extra torch is not installed")
        yield SentenceTransformerEmbedder("all-MiniLM-L6-v2", models, "cpu")
        return
    with OpenAIStandIn() as standin:
        yield RemoteEmbedder(TestOffice().caller(standin), 64, max_tokens=500)


TEXTS = ["", "ledger", "The clerk counted the crates.", "Der Schreiber zählte die Kisten 🍊", "ledger", "word " * 1000]


def test_shape_type_and_length(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)


def test_what_exceeds_the_limit_is_not_seen(embedder: Embedder) -> None:
    text = "crate " * embedder.max_tokens
    assert np.allclose(embedder.embed([text]), embedder.embed([text + "orange"]), atol=1e-6)
    assert not np.allclose(embedder.embed([text]), embedder.embed([text[: len("crate ") * 9] + "orange"]), atol=1e-3)


def test_tokens_lie_in_the_text_in_order(embedder: Embedder) -> None:
    text = "  Zählen:\tdie 🍊-Kisten\n(12 of 40) 橋 "
    spans = embedder.token_spans(text)
    assert all(a < b for a, b in spans)
    assert spans == sorted(spans)
    assert not "".join(c for at, c in enumerate(text) if not any(a <= at < b for a, b in spans)).strip()


def test_long_texts_have_all_their_tokens(embedder: Embedder) -> None:
    assert len(embedder.token_spans("word " * 5000)) == 5000
    assert embedder.token_spans("") == []


def test_engine_names_version_and_weights(embedder: Embedder, tmp_path: Path) -> None:
    assert embedder.engine.name
    assert embedder.engine.version
    assert str(tmp_path.parent) not in str(embedder.engine)
