"""A BERT encoder that any test can have: a few random weights, and the packaged model's tokenizer."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from pipeline.engines.weights import weight_files

WORDS, PLACES = 30522, 512


def write_encoder(folder: Path, models: Path, size: int = 32, seed: int = 0) -> Path:
    """Make a folder that ``EMBEDDING_MODEL`` may name, with vectors of length ``size``."""
    folder.mkdir(parents=True)
    files = weight_files("all-MiniLM-L6-v2", models)
    shutil.copy(files["tokenizer.json"], folder)
    config = json.loads(files["config.json"].read_text())
    config |= {"hidden_size": size, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 2 * size}
    (folder / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(seed)
    save_file(
        {n: random.normal(0, 0.3, shape).astype(np.float32) for n, shape in _shapes(size)}, folder / "model.safetensors"
    )
    return folder


def _shapes(size: int) -> list[tuple[str, tuple[int, ...]]]:
    layer = "encoder.layer.0"
    dense = {
        f"{layer}.attention.self.query": (size, size),
        f"{layer}.attention.self.key": (size, size),
        f"{layer}.attention.self.value": (size, size),
        f"{layer}.attention.output.dense": (size, size),
        f"{layer}.intermediate.dense": (2 * size, size),
        f"{layer}.output.dense": (size, 2 * size),
    }
    norms = ("embeddings.LayerNorm", f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm")
    shapes: list[tuple[str, tuple[int, ...]]] = [
        ("embeddings.word_embeddings.weight", (WORDS, size)),
        ("embeddings.position_embeddings.weight", (PLACES, size)),
        ("embeddings.token_type_embeddings.weight", (2, size)),
    ]
    for name, shape in dense.items():
        shapes += [(f"{name}.weight", shape), (f"{name}.bias", shape[:1])]
    return shapes + [(f"{name}.{part}", (size,)) for name in norms for part in ("weight", "bias")]
