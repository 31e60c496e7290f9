"""Write BERT sentence-encoder weights (Hugging Face ``model.safetensors``) as an ONNX graph: token ids to a vector.

ONNX Runtime's fused operators (domain ``com.microsoft``) are emitted directly: no export through torch, and nothing left for
an optimiser to find. The graph has no attention mask, because it is fed texts of one length at a time, never padded ones.
Weights lie in a file beside the graph, which ONNX Runtime maps into memory, so that the processes of one machine share it.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import Misconfigured

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "1"
"""Part of the key of a prepared graph: raise it when what this module writes changes."""
GRAPH, DATA = "model.onnx", "model.data"
_SMALL = 1024  # bytes; ONNX Runtime wants small tensors inside the graph


class _Graph:
    """Collects nodes and weights."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, value: "NDArray[np.float32]") -> str:
        """Add a weight and give its name back."""
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(self, operator: str, inputs: list[str], *outputs: str, fused: bool = True, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's own
        """Add an operator and give the name of its first output back."""
        from onnx import helper

        domain = "com.microsoft" if fused else ""
        self.nodes.append(helper.make_node(operator, inputs, list(outputs), name=outputs[0], domain=domain, **attributes))
        return outputs[0]


def write_graph(source: Path, folder: Path, *, pooling: str = "mean") -> None:
    """Turn ``config.json`` and ``model.safetensors`` of ``source`` into ``model.onnx`` and ``model.data`` in ``folder``.

    The graph takes ``input_ids`` (int32, texts x tokens) and gives ``embedding`` (float32, texts x dimension, length 1).

    Args:
        source: folder of the weights.
        folder: an existing folder to write to.
        pooling: ``mean`` of all tokens, or ``cls``, the first one.

    Raises:
        Misconfigured: the weights are not those of a BERT encoder.
    """
    import onnx
    from safetensors.numpy import load_file

    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise Misconfigured(
            f"{source}: only BERT encoders with the gelu activation are read from safetensors; give model.onnx."
        )
    weights = {name.removeprefix("bert."): value for name, value in load_file(source / "model.safetensors").items()}
    try:
        model = _model(weights, config, pooling)
    except KeyError as missing:
        raise Misconfigured(f"{source}/model.safetensors: weight {missing} is missing.") from None
    onnx.save_model(
        model, folder / GRAPH, save_as_external_data=True, all_tensors_to_one_file=True, location=DATA, size_threshold=_SMALL
    )


def _model(weights: dict[str, "NDArray[np.float32]"], config: dict[str, Any], pooling: str) -> Any:  # noqa: ANN401 - onnx has no useful types
    from onnx import TensorProto, helper

    graph = _Graph()
    state = _embed(graph, weights, config)
    for layer in range(config["num_hidden_layers"]):
        state = _layer(graph, weights, config, state, f"encoder.layer.{layer}")
    _pool(graph, state, pooling)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["texts", "tokens"])
    vectors = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", config["hidden_size"]])
    body = helper.make_graph(graph.nodes, "sentence-encoder", [ids], [vectors], graph.weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(body, opset_imports=opsets, ir_version=8)


def _embed(graph: _Graph, weights: dict[str, "NDArray[np.float32]"], config: dict[str, Any]) -> str:
    # every token is of segment 0, so that segment's vector is added to the positions once, here
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    inputs = ["input_ids", "", graph.weight("words", weights["embeddings.word_embeddings.weight"])]
    inputs += [graph.weight("positions", positions), "", *_norm(graph, weights, "embeddings.LayerNorm")]
    return graph.node("EmbedLayerNormalization", inputs, "embedded", "lengths", epsilon=config["layer_norm_eps"])


def _layer(graph: _Graph, weights: dict[str, "NDArray[np.float32]"], config: dict[str, Any], state: str, at: str) -> str:
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    parts = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
    inward = graph.weight(f"{at}.qkv.weight", np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1))
    inward_bias = graph.weight(f"{at}.qkv.bias", np.concatenate([weights[f"{part}.bias"] for part in parts]))
    attended = graph.node("Attention", [state, inward, inward_bias], f"{at}.attended", num_heads=heads)

    state = _join(graph, weights, attended, state, f"{at}.attention.output", epsilon)
    wide = _product(graph, weights, state, f"{at}.intermediate.dense")
    bias = graph.weight(f"{at}.intermediate.dense.bias", weights[f"{at}.intermediate.dense.bias"])
    bent = graph.node("BiasGelu", [wide, bias], f"{at}.bent")
    return _join(graph, weights, bent, state, f"{at}.output", epsilon)


def _join(graph: _Graph, weights: dict[str, "NDArray[np.float32]"], value: str, skip: str, at: str, epsilon: float) -> str:
    """Project, add the bias and what went past, normalise."""
    projected = _product(graph, weights, value, f"{at}.dense")
    bias = graph.weight(f"{at}.dense.bias", weights[f"{at}.dense.bias"])
    inputs = [projected, skip, *_norm(graph, weights, f"{at}.LayerNorm"), bias]
    return graph.node("SkipLayerNormalization", inputs, f"{at}.joined", epsilon=epsilon)


def _product(graph: _Graph, weights: dict[str, "NDArray[np.float32]"], value: str, at: str) -> str:
    return graph.node(
        "MatMul", [value, graph.weight(f"{at}.weight", weights[f"{at}.weight"].T)], f"{at}.product", fused=False
    )


def _norm(graph: _Graph, weights: dict[str, "NDArray[np.float32]"], at: str) -> list[str]:
    return [graph.weight(f"{at}.{part}", weights[f"{at}.{part}"]) for part in ("weight", "bias")]


def _pool(graph: _Graph, state: str, pooling: str) -> None:
    if pooling == "mean":
        pooled = graph.node("ReduceMean", [state], "pooled", fused=False, axes=[1], keepdims=0)
    else:
        from onnx import numpy_helper

        graph.weights.append(numpy_helper.from_array(np.array(0, dtype=np.int64), "first"))
        pooled = graph.node("Gather", [state, "first"], "pooled", fused=False, axis=1)
    graph.node("LpNormalization", [pooled], "embedding", fused=False, axis=-1, p=2)
