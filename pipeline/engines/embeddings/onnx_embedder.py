"""Sentence embeddings in ONNX Runtime, on one thread: all-MiniLM-L6-v2 as packaged, or a folder of other weights."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.engines.embeddings.bert_onnx import DATA, FORMAT, GRAPH, write_graph
from pipeline.engines.weights import sha256_of, weight_files
from pipeline.errors import Misconfigured
from pipeline.model import Engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGED = "all-MiniLM-L6-v2"
BATCH_TOKENS = 256
"""Tokens that go through the model at once: short texts of one length together, long ones alone (larger is slower)."""
WINDOW = 1024
"""Texts among which those of one length are sought."""


class _Weights(NamedTuple):
    name: str
    folder: Path
    graph: Path
    sha256: str


class OnnxEmbedder:
    """Implements ``ports.Embedder``.

    Texts of one length go through the model together, so that nothing is spent on padding.

    Args:
        weights: ``all-MiniLM-L6-v2`` (packaged), or a folder with ``tokenizer.json`` and either ``model.safetensors`` and
            ``config.json`` of a BERT encoder or ``model.onnx``; ``sentence_bert_config.json`` and ``1_Pooling`` are heeded.
        models: folder where the prepared graph is kept.

    Raises:
        Misconfigured: the weights are missing, not the official ones, or of a kind that is not known.
    """

    def __init__(self, weights: str, models: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        found = _packaged(models) if weights == PACKAGED else _in_folder(Path(weights).expanduser(), models)
        self._pooling = _pooling(found.folder)
        self._tokenizer: Any = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._end = self._tokenizer.encode("").ids[-1:]
        self._longest = _longest(found.folder)
        self._session: Any = onnxruntime.InferenceSession(
            found.graph, _options(onnxruntime), providers=["CPUExecutionProvider"]
        )
        self._inputs = {i.name: np.int32 if "int32" in i.type else np.int64 for i in self._session.get_inputs()}
        self._engine = Engine("onnx-embedder", f"{found.name}@{found.sha256[:16]}/{FORMAT}", f"max_tokens={self.max_tokens}")
        self._dimension = int(self._run([self._tokenizer.encode("").ids]).shape[1])

    @property
    def engine(self) -> Engine:
        """Name, version (weights and their hash) and options, for fingerprints."""
        return self._engine

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, without the two special ones."""
        return self._longest - 2

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token in ``text``, in code points; linear in its length."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """float32, shape (len(texts), dimension), rows of length 1; what exceeds ``max_tokens`` is not seen."""
        vectors = np.empty((len(texts), self._dimension), dtype=np.float32)
        for first in range(0, len(texts), WINDOW):
            tokens = [self._ids(text) for text in texts[first : first + WINDOW]]
            for batch in _batches([len(ids) for ids in tokens]):
                vectors[[first + i for i in batch]] = self._run([tokens[i] for i in batch])
        return vectors

    def _ids(self, text: str) -> list[int]:
        # a token has at least one character, but a word that no piece fits is one token however long it is
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids if len(ids) <= self._longest else ids[: self._longest - 1] + self._end

    def _run(self, ids: list[list[int]]) -> "NDArray[np.float32]":
        rows = np.array(ids)
        values = {"input_ids": rows, "attention_mask": np.ones_like(rows), "token_type_ids": np.zeros_like(rows)}
        out = self._session.run(None, {name: values[name].astype(kind) for name, kind in self._inputs.items()})[0]
        if out.ndim == 3:  # a graph that ends in one vector a token
            out = out[:, 0] if self._pooling == "cls" else out.mean(axis=1)
        length = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(length, 1e-12), dtype=np.float32)


def prepare(models: Path, weights: str = PACKAGED) -> Path:
    """Make the graph that ``OnnxEmbedder`` loads, if it is not there yet; its path.

    Raises:
        Misconfigured: as ``OnnxEmbedder``.
    """
    return (_packaged(models) if weights == PACKAGED else _in_folder(Path(weights).expanduser(), models)).graph


def _packaged(models: Path) -> _Weights:
    files = weight_files(PACKAGED, models)
    return _built(PACKAGED, files["model.safetensors"].parent, models)


def _in_folder(folder: Path, models: Path) -> _Weights:
    if not (folder / "tokenizer.json").is_file():
        raise Misconfigured(f"EMBEDDING_MODEL: {folder} is not a folder with tokenizer.json.", "weights_missing")
    if (folder / "model.onnx").is_file():
        parts = sorted(path for path in folder.glob("model.onnx*") if path.is_file())
        return _Weights(folder.name, folder, folder / "model.onnx", sha256_of(parts))
    if not all((folder / name).is_file() for name in ("model.safetensors", "config.json")):
        raise Misconfigured(f"{folder} holds neither model.onnx nor model.safetensors with config.json.", "weights_missing")
    return _built(folder.name, folder, models)


def _built(name: str, folder: Path, models: Path) -> _Weights:
    """The graph made from safetensors: built beside its place and moved there whole, so that several processes may try."""
    sha256, pooling = sha256_of([folder / "model.safetensors"]), _pooling(folder)
    place = models / f"{name}-{sha256[:16]}-{pooling}-{FORMAT}"
    if not place.is_dir():
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models, prefix=f".{name}.") as scratch:
            made = Path(scratch) / "graph"
            made.mkdir()
            write_graph(folder, made, pooling=pooling)
            _move(made, place)
    return _Weights(name, folder, place / GRAPH, sha256)


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not (place / DATA).is_file():  # else another process was first
            raise


def _pooling(folder: Path) -> str:
    return "cls" if _json(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token") else "mean"


def _longest(folder: Path) -> int:
    positions = int(_json(folder / "config.json").get("max_position_embeddings", 512))
    return min(int(_json(folder / "sentence_bert_config.json").get("max_seq_length", positions)), positions)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _options(onnxruntime: Any) -> Any:  # noqa: ANN401 - a module that has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest batch ever seen, and gains nothing here
    options.enable_mem_pattern = False
    return options


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions of texts of one length, at most ``BATCH_TOKENS`` together."""
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        alike[length].append(position)
    for length, positions in alike.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (positions[at : at + size] for at in range(0, len(positions), size))
