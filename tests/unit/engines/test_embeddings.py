"""The packaged sentence encoder against its official vectors, and weights from other folders."""

import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.embeddings.onnx_embedder import PACKAGED, OnnxEmbedder, prepare
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def embedder(models: Path) -> OnnxEmbedder:
    return OnnxEmbedder(PACKAGED, models)


def test_vectors_are_the_official_ones(embedder: OnnxEmbedder) -> None:
    """The reference: torch and transformers on the official weights, mean pooling, 256 tokens."""
    texts = json.loads((DATA / "minilm_reference.json").read_text(encoding="utf-8"))
    cosines = (embedder.embed(texts) * np.load(DATA / "minilm_reference.npy")).sum(axis=1)
    assert cosines.min() > 0.9999


def test_limits(embedder: OnnxEmbedder) -> None:
    assert (embedder.dimension, embedder.max_tokens) == (384, 254)


def _prepare(models: Path) -> None:
    prepare(models)


def test_several_processes_prepare_one_graph(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_prepare, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len([path for path in tmp_path.iterdir() if path.name.startswith((PACKAGED, "."))]) == 1


def test_a_folder_with_safetensors(models: Path, tmp_path: Path, embedder: OnnxEmbedder) -> None:
    for name, path in weight_files(PACKAGED, models).items():
        shutil.copy(path, tmp_path / name)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    other = OnnxEmbedder(str(tmp_path), models)
    assert other.max_tokens == 62
    assert np.allclose(other.embed(["a ledger"]), embedder.embed(["a ledger"]), atol=1e-5)
    assert other.engine != embedder.engine


def test_a_folder_with_an_onnx_graph(models: Path, tmp_path: Path, embedder: OnnxEmbedder) -> None:
    shutil.copytree(prepare(models).parent, tmp_path, dirs_exist_ok=True)
    shutil.copy(weight_files(PACKAGED, models)["tokenizer.json"], tmp_path)
    other = OnnxEmbedder(str(tmp_path), models)
    assert np.allclose(other.embed(["a ledger"]), embedder.embed(["a ledger"]), atol=1e-5)


def test_the_first_token_may_be_the_vector(models: Path, tmp_path: Path, embedder: OnnxEmbedder) -> None:
    for name, path in weight_files(PACKAGED, models).items():
        shutil.copy(path, tmp_path / name)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    vectors = OnnxEmbedder(str(tmp_path), models).embed(["a ledger"])
    assert np.isclose(np.linalg.norm(vectors), 1)
    assert not np.allclose(vectors, embedder.embed(["a ledger"]), atol=1e-2)


@pytest.mark.parametrize("files", [(), ("tokenizer.json",)])
def test_a_folder_without_weights_is_a_wrong_setting(files: tuple[str, ...], tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(Misconfigured, match=tmp_path.name):
        OnnxEmbedder(str(tmp_path), tmp_path)


def test_another_kind_of_encoder_is_refused(models: Path, tmp_path: Path) -> None:
    for name, path in weight_files(PACKAGED, models).items():
        shutil.copy(path, tmp_path / name)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "t5"}))
    with pytest.raises(Misconfigured, match="BERT"):
        OnnxEmbedder(str(tmp_path), tmp_path / "models")
