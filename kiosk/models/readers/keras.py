"""Keras models in HDF5: their own description of the layers, walked into OpenVINO operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.errors import ModelError
from kiosk.models.readers import layers
from kiosk.models.readers.layers import Array
from kiosk.vision import Card

Weights = dict[str, Array]
"""Of one layer, by the last part of their names, such as ``kernel``."""


def read(card: Card, folder: Path) -> Any:
    """The graph that a file of Keras 2 describes; a layer of another kind is refused.

    Raises:
        ModelError: the file is not such a model, or has layers that are not known here.
    """
    import h5py

    try:
        with h5py.File(folder / "source.hdf5") as file:
            described = json.loads(file.attrs["model_config"])["config"]
            weights = {name: _weights(group) for name, group in file["model_weights"].items()}
    except (OSError, KeyError, ValueError, TypeError) as bad:
        raise ModelError(f"{card.name}: not a Keras model in HDF5: {bad}") from bad
    made: dict[str, Any] = {}
    data = None
    for layer in described["layers"]:
        kind, name, settings = layer["class_name"], layer["name"], layer["config"]
        if kind == "InputLayer":
            data, made[name] = layers.image(settings["batch_input_shape"][3])
            continue
        if kind not in _LAYERS or not _is_plain(settings):
            raise ModelError(f"{card.name}: {name}: a layer {kind} of this form is not known here")
        inputs = [made[source[0]] for source in layer["inbound_nodes"][0]]
        made[name] = _LAYERS[kind](inputs, settings, weights.get(name, {}))
    outputs = [name for name, *_ in described["output_layers"]]
    return layers.model(card.name, data, {name: made[name] for name in outputs})


def _weights(group: Any) -> Weights:
    names = [
        name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]
    ]
    return {name.split("/")[-1].split(":")[0]: np.asarray(group[name]) for name in names}


def _is_plain(settings: dict[str, Any]) -> bool:
    return (
        settings.get("data_format", "channels_last") == "channels_last"
        and settings.get("dilation_rate", [1, 1]) == [1, 1]
        and len(set(settings.get("strides", [1]))) == 1
        and len(set(settings.get("pool_size", [1]))) == 1
        and settings.get("axis", -1) in {-1, 3}
        and settings.get("activation", "linear") in _ACTIVATIONS
    )


def _conv(inputs: list[Any], settings: dict[str, Any], weights: Weights) -> Any:
    (x,) = inputs
    kernel, bias = weights["kernel"], weights.get("bias")
    made = layers.conv(x, kernel, bias, stride=settings["strides"][0], padding=settings["padding"])
    return _ACTIVATIONS[settings["activation"]](made)


def _separable(inputs: list[Any], settings: dict[str, Any], weights: Weights) -> Any:
    (x,) = inputs
    made = layers.separable(
        x,
        weights["depthwise_kernel"],
        weights["pointwise_kernel"],
        weights.get("bias"),
        stride=settings["strides"][0],
        padding=settings["padding"],
    )
    return _ACTIVATIONS[settings["activation"]](made)


def _normalised(inputs: list[Any], settings: dict[str, Any], weights: Weights) -> Any:
    """Batch normalisation with the means and variances of the training."""
    (x,) = inputs
    spread = np.sqrt(weights["moving_variance"] + settings["epsilon"])
    factor = weights.get("gamma", np.ones_like(spread)) / spread
    shift = weights.get("beta", np.zeros_like(spread)) - weights["moving_mean"] * factor
    return layers.add_per_channel(layers.scale_per_channel(x, factor), shift)


def _pooled(inputs: list[Any], settings: dict[str, Any], _: Weights) -> Any:
    (x,) = inputs
    return layers.max_pool(x, settings["pool_size"][0], settings["strides"][0], settings["padding"])


def _activated(inputs: list[Any], settings: dict[str, Any], _: Weights) -> Any:
    (x,) = inputs
    return _ACTIVATIONS[settings["activation"]](x)


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": layers.relu,
    "softmax": layers.softmax,
}

_LAYERS: dict[str, Callable[[list[Any], dict[str, Any], Weights], Any]] = {
    "Conv2D": _conv,
    "SeparableConv2D": _separable,
    "BatchNormalization": _normalised,
    "MaxPooling2D": _pooled,
    "Activation": _activated,
    "Add": lambda inputs, _, __: layers.add(*inputs),
    "GlobalAveragePooling2D": lambda inputs, _, __: layers.mean_of_image(inputs[0]),
}
