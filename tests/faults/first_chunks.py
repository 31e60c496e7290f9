"""The service that the chunks need fails once."""

from itertools import count

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.embeddings.onnx_embedder import OnnxEmbedder
from pipeline.errors import ServiceUnavailable

_calls = count()
_embed = OnnxEmbedder.embed


def _fails_once(self: OnnxEmbedder, texts: list[str]) -> NDArray[np.float32]:
    if next(_calls) == 0:
        raise ServiceUnavailable("The embedder does not answer.")
    return _embed(self, texts)


OnnxEmbedder.embed = _fails_once  # type: ignore[method-assign, assignment]  # what a fault is for
