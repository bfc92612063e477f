"""Graph models of TensorFlow.js, as TensorFlow graphs that OpenVINO reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import ModelError
from kiosk.vision import Card, openvino_core

_UNFUSED = {"_FusedConv2D": "Conv2D", "_FusedMatMul": "MatMul"}


def read(card: Card, folder: Path) -> Any:
    """The graph with the outputs that the card keeps; what only others need is left out.

    Raises:
        ModelError: the files are not a graph model, or OpenVINO does not read it.
    """
    description = (folder / "source.json").read_bytes()
    weights = (folder / "source.bin").read_bytes()
    try:
        frozen = folder / "frozen.pb"
        frozen.write_bytes(graph_def(description, weights, card.keep))
        model = openvino_core().read_model(str(frozen))
    except (ModelError, RuntimeError) as bad:
        raise ModelError(f"{card.name}: {str(bad).strip().splitlines()[-1]}") from bad
    # The front end names a tensor after its node and the number of its port.
    for port in model.outputs:
        port.get_tensor().set_names({name.split(":")[0] for name in port.get_names()})
    return model


def graph_def(description: bytes, weights: bytes, outputs: list[str]) -> bytes:
    """A serialised ``GraphDef`` that holds its weights and nothing that the outputs do not need.

    Fused operations are split, since only TensorFlow.js knows them.

    Args:
        description: the model's JSON file.
        weights: its binary shards, one after the other.
        outputs: names of the nodes to keep; what only the other outputs use is left out.

    Raises:
        ModelError: the files are not a graph model, or an output is not in it.
    """
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    try:
        model = json.loads(description)
        nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        constants = dict(arrays(model["weightsManifest"], weights))
    except (ValueError, KeyError, TypeError) as bad:
        raise ModelError(f"not a TensorFlow.js graph model: {bad}") from bad
    missing = [name for name in outputs if name not in nodes]
    if missing:
        raise ModelError(f"no output {', '.join(missing)} in this TensorFlow.js model")
    graph = GraphDef()
    for name in _needed(nodes, outputs):
        node = nodes[name]
        if node["op"] == "Const":
            _add_constant(graph, name, constants[name])
        elif node["op"] in _UNFUSED:
            _add_split(graph, node)
        else:
            _add(graph, name, node["op"], node.get("input", []), node.get("attr", {}))
    data: bytes = graph.SerializeToString()
    return data


def _needed(nodes: dict[str, Any], outputs: list[str]) -> list[str]:
    """Names of the outputs and of all that they read, each after what it reads."""
    order: dict[str, None] = {}
    waiting = [(name, False) for name in outputs]
    while waiting:
        name, ready = waiting.pop()
        if ready:
            order[name] = None
        elif name not in order:
            waiting.append((name, True))
            waiting += [(_plain(source), False) for source in nodes[name].get("input", [])]
    return list(order)


def _plain(reference: str) -> str:
    return reference.removeprefix("^").split(":")[0]


def arrays(manifest: list[Any], data: bytes) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and values of the weights that a manifest describes, widened where they are packed.

    Raises:
        ValueError: the data is shorter or longer than that.
    """
    offset = 0
    for weight in (weight for group in manifest for weight in group["weights"]):
        packed = weight.get("quantization", {})
        stored = np.dtype(packed.get("dtype", weight["dtype"]))
        count = int(np.prod(weight["shape"], dtype=np.int64))
        values = np.frombuffer(data, stored, count, offset)
        offset += count * stored.itemsize
        if "scale" in packed:
            values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
        yield weight["name"], values.astype(weight["dtype"]).reshape(weight["shape"])
    if offset != len(data):
        raise ValueError(f"its weights take {offset} bytes, and there are {len(data)}")


def _add_constant(graph: Any, name: str, array: NDArray[Any]) -> None:
    kinds = {"float32": (1, "float_val"), "int32": (3, "int_val")}
    kind, field = kinds[array.dtype.name]
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = kind
    tensor = node.attr["value"].tensor
    tensor.dtype = kind
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.ndim:
        tensor.tensor_content = array.tobytes()
    else:
        # OpenVINO reads the content of a scalar as zero.
        getattr(tensor, field).append(array.item())


def _add_split(graph: Any, node: Any) -> None:
    """The operation, its bias and its activation one after the other; the last has the name."""
    name, attributes = node["name"], node["attr"]
    fused = [base64.b64decode(word).decode() for word in attributes["fused_ops"]["list"]["s"]]
    first, *more = node["input"]
    inputs = [first, more[0]]
    kept = {
        key: value
        for key, value in attributes.items()
        if key not in {"fused_ops", "num_args", "epsilon", "leakyrelu_alpha", "TArgs"}
    }
    steps = [(_UNFUSED[node["op"]], kept)]
    steps += [(word, {"T": attributes["T"]}) for word in fused]
    extra = iter(more[1:])
    for place, (kind, its) in enumerate(steps):
        last = place == len(steps) - 1
        step = name if last else f"{name}/{place}"
        if kind in {"BiasAdd", "Prelu"}:
            inputs.append(next(extra))
        _add(graph, step, kind, inputs, its)
        inputs = [step]


def _add(graph: Any, name: str, kind: str, inputs: list[str], attributes: dict[str, Any]) -> None:
    from google.protobuf.json_format import ParseDict

    node = graph.node.add(name=name, op=kind)
    node.input.extend(inputs)
    for key, value in attributes.items():
        ParseDict(value, node.attr[key])
