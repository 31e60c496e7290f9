"""Sentence embeddings in PyTorch (sentence-transformers, extra ``torch``): any model of its kind, also on a GPU."""

import hashlib
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.engines.torch_device import chosen, imported
from pipeline.engines.weights import weight_files
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE, PACKAGED = "sentence-transformers", "all-MiniLM-L6-v2"
VERSION = "1"
HUB_NAME = re.compile(r"([\w-][\w.-]*/)?[\w-][\w.-]*")
BATCH = 16
USUAL_LENGTH = 512
"""Tokens, where a model does not say how many it reads."""


class SentenceTransformerEmbedder:
    """Implements ``ports.Embedder``. Thread-safe; one call computes at a time.

    Args:
        model: ``all-MiniLM-L6-v2`` (packaged), a folder that sentence-transformers can load, or the name of a model of the
            Hugging Face hub, which is fetched once. Code that comes with a model is not run.
        models: folder where fetched models are kept.
        device: ``auto`` (a graphics card if there is one) or ``cpu``.

    Raises:
        Misconfigured: the extra is not installed (``engine_missing``), or there is no such model.
        ServiceUnavailable: a model that is named cannot be fetched.
    """

    def __init__(self, model: str, models: Path, device: str = "auto") -> None:
        library = imported("sentence_transformers", PACKAGE)
        self._model = _load(library, _place(model, models), models / "hub", chosen(device))
        self._tokenizer = _tokenizer(self._model, model)
        self._special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._longest = min(int(self._model.max_seq_length or USUAL_LENGTH), 1 << 20)
        self._dimension = int(self._model.encode([""], show_progress_bar=False).shape[1])
        self._alone = threading.Lock()  # the tokenizer carries the settings of one call
        name = Path(model).expanduser().name if Path(model).expanduser().is_dir() else model
        self._engine = Engine(PACKAGE, f"{name}@{_digest(self._model)[:16]}/{VERSION}", f"max_tokens={self.max_tokens}")

    @property
    def engine(self) -> Engine:
        """Name, version (model and hash of its weights) and options, for fingerprints."""
        return self._engine

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, without the special ones."""
        return self._longest - int(self._special)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token in ``text``, in code points."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """float32, shape (len(texts), dimension), rows of length 1; what exceeds ``max_tokens`` is not seen."""
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        with self._alone:
            vectors = self._model.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)


def _place(model: str, models: Path) -> str:
    """The folder of a model that lies here, or its name on the hub."""
    if model == PACKAGED:
        return str(weight_files(PACKAGED, models)["model.safetensors"].parent)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return str(folder)
    if not HUB_NAME.fullmatch(model):
        raise _unknown(model)
    return model


def _load(library: Any, place: str, cache: Path, device: str) -> Any:  # noqa: ANN401 - the library need not be installed
    from huggingface_hub.errors import RepositoryNotFoundError

    imported("transformers.utils.logging", "transformers").disable_progress_bar()

    def load(*, here: bool) -> Any:  # noqa: ANN401
        return library.SentenceTransformer(place, cache_folder=str(cache), device=device, local_files_only=here)

    try:
        return load(here=True)
    except (OSError, ValueError) as fault:
        if Path(place).is_dir():
            raise Misconfigured(f"{place} holds no model of {PACKAGE}: {_line(fault)}", "weights_wrong") from fault
    try:
        return load(here=False)
    except OSError as fault:
        if isinstance(fault, RepositoryNotFoundError) or isinstance(fault.__cause__, RepositoryNotFoundError):
            raise _unknown(place) from fault
        raise ServiceUnavailable(f"The model {place} cannot be fetched: {_line(fault)}") from fault
    except ValueError as fault:
        raise Misconfigured(f"{place} is no model of {PACKAGE}: {_line(fault)}", "weights_wrong") from fault


def _unknown(model: str) -> Misconfigured:
    return Misconfigured(
        f"There is no embedding model {model!r}: set EMBEDDING_MODEL to {PACKAGED!r}, a folder, or a name of the hub.",
        "weights_missing",
    )


def _tokenizer(model: Any, name: str) -> Any:  # noqa: ANN401
    """A tokenizer of our own: the model's cuts texts off and fills them up."""
    from tokenizers import Tokenizer

    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise Misconfigured(f"The model {name} has no tokenizer that tells where tokens lie.", "weights_wrong")
    own = Tokenizer.from_str(backend.to_str())
    own.no_truncation()
    own.no_padding()
    return own


def _digest(model: Any) -> str:  # noqa: ANN401
    """Hash of what the model is made of: its layers, how they pool, and all weights."""
    torch = imported("torch", "torch")
    layers = [f"{type(part).__name__} {getattr(part, 'pooling_mode', '')}" for part in model]
    digest = hashlib.sha256(" ".join(layers).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0]
