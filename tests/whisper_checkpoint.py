"""A checkpoint of openai-whisper, made from the packaged CTranslate2 weights of Whisper base: the same weights, other names.

The package openai-whisper fetches its weights from the network; this way it is tested on those that are installed.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]

KINDS = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
BASE = {
    "n_mels": 80, "n_vocab": 51865, "n_audio_ctx": 1500, "n_audio_state": 512, "n_audio_head": 8, "n_audio_layer": 6,
    "n_text_ctx": 448, "n_text_state": 512, "n_text_head": 8, "n_text_layer": 6,
}  # fmt: skip


def write_checkpoint(model: Path, target: Path) -> Path:
    """Turn ``model.bin`` of Whisper base into a checkpoint that ``whisper.load_model`` takes."""
    import torch

    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in renamed(variables(model)).items()}
    torch.save({"dims": BASE, "model_state_dict": state}, target)
    return target


def variables(model: Path) -> Tensors:
    """All weights of a CTranslate2 ``model.bin`` by name."""
    with model.open("rb") as file:
        _, _, _, count = _number(file, "I"), _text(file), _number(file, "I"), _number(file, "I")
        return dict(_variable(file) for _ in range(count))


def renamed(old: Tensors) -> Tensors:
    """The weights by the names of openai-whisper."""
    new: Tensors = {}
    for half, layers in (("encoder", BASE["n_audio_layer"]), ("decoder", BASE["n_text_layer"])):
        new[f"{half}.positional_embedding"] = old[f"{half}/position_encodings/encodings"]
        _norm(old, f"{half}/layer_norm", new, "encoder.ln_post" if half == "encoder" else "decoder.ln")
        for n in range(layers):
            theirs, ours = f"{half}/layer_{n}", f"{half}.blocks.{n}"
            _attention(old, f"{theirs}/self_attention", new, f"{ours}.attn")
            if half == "decoder":
                _attention(old, f"{theirs}/attention", new, f"{ours}.cross_attn")
            _norm(old, f"{theirs}/ffn/layer_norm", new, f"{ours}.mlp_ln")
            _linear(old, f"{theirs}/ffn/linear_0", new, f"{ours}.mlp.0")
            _linear(old, f"{theirs}/ffn/linear_1", new, f"{ours}.mlp.2")
    for conv in ("conv1", "conv2"):
        _linear(old, f"encoder/{conv}", new, f"encoder.{conv}")
    new["decoder.token_embedding.weight"] = old["decoder/embeddings/weight"]
    return new


def _attention(old: Tensors, theirs: str, new: Tensors, ours: str) -> None:
    """Query, key and value are one matrix there, or two; a key has no bias."""
    _norm(old, f"{theirs}/layer_norm", new, f"{ours}_ln")
    matrices = [m for m in (f"{theirs}/linear_{n}" for n in range(3)) if f"{m}/weight" in old]
    weight = np.concatenate([old[f"{m}/weight"] for m in matrices[:-1]])
    bias = np.concatenate([old[f"{m}/bias"] for m in matrices[:-1]])
    for name, rows, shift in zip(("query", "key", "value"), np.split(weight, 3), np.split(bias, 3), strict=True):
        new[f"{ours}.{name}.weight"] = rows
        if name != "key":
            new[f"{ours}.{name}.bias"] = shift
    _linear(old, matrices[-1], new, f"{ours}.out")


def _linear(old: Tensors, theirs: str, new: Tensors, ours: str) -> None:
    new[f"{ours}.weight"], new[f"{ours}.bias"] = old[f"{theirs}/weight"], old[f"{theirs}/bias"]


def _norm(old: Tensors, theirs: str, new: Tensors, ours: str) -> None:
    new[f"{ours}.weight"], new[f"{ours}.bias"] = old[f"{theirs}/gamma"], old[f"{theirs}/beta"]


def _variable(file: BinaryIO) -> tuple[str, NDArray[Any]]:
    name = _text(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    kind, size = _number(file, "B"), _number(file, "I")
    return name, np.frombuffer(file.read(size), KINDS[kind]).reshape(shape)


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def _number(file: BinaryIO, code: str) -> int:
    return int(struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))[0])
