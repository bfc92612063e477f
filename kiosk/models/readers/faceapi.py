"""The networks of face-api: a manifest and a file of weights; the architecture is only in its code.

Rebuilt from the package's own sources: ``tinyYolov2``, ``ageGenderNet`` with ``xception``, and
``faceExpressionNet`` with ``faceFeatureExtractor``. The input is RGB [1, height, width, 3].
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.errors import ModelError
from kiosk.models.readers import layers
from kiosk.models.readers.layers import Array
from kiosk.models.readers.tfjs import arrays
from kiosk.vision import Card

Weights = dict[str, Array]

LEAK = np.array([0.1], np.float32)
"""Slope of negative values in tiny YOLO."""


def read(card: Card, folder: Path) -> Any:
    """The network that the card names, with the published weights.

    Raises:
        ModelError: no such network is known, or the weights are not its.
    """
    if card.network not in _NETWORKS:
        raise ModelError(
            f"{card.name}: network: {card.network!r} is not one of {', '.join(_NETWORKS)}"
        )
    try:
        manifest = json.loads((folder / "source.json").read_bytes())
        weights = dict(arrays(manifest, (folder / "source.bin").read_bytes()))
        data, image = layers.image(3)
        outputs = _NETWORKS[card.network](image, weights)
    except (ValueError, KeyError, TypeError) as bad:
        raise ModelError(f"{card.name}: not the weights of {card.network}: {bad}") from bad
    return layers.model(card.name, data, outputs)


def _tiny_yolo(x: Any, weights: Weights) -> dict[str, Any]:
    """Boxes and scores of five anchors per cell: [1, rows, columns, 25]."""
    x = layers.conv(x, *_kernel(weights, "conv0"), padding="valid")
    x = layers.prelu(x, LEAK)
    for place in range(1, 6):
        x = layers.max_pool(x, 2, 2)
        x = layers.separable(layers.padded(x, 1), *_pair(weights, f"conv{place}"), padding="valid")
        x = layers.prelu(x, LEAK)
    x = layers.max_pool(x, 2, 1)
    x = layers.conv(x, *_kernel(weights, "conv8"), padding="valid")
    return {"cells": layers.to_nhwc(x)}


def _age_gender(x: Any, weights: Weights) -> dict[str, Any]:
    """Years, and the probabilities of male and female."""
    x = layers.relu(layers.conv(x, *_kernel(weights, "entry_flow/conv_in"), stride=2))
    x = _reduced(x, weights, "entry_flow/reduction_block_0", first=True)
    x = _reduced(x, weights, "entry_flow/reduction_block_1")
    for place in range(2):
        inner = x
        for step in range(3):
            name = f"middle_flow/main_block_{place}/separable_conv{step}"
            inner = layers.separable(layers.relu(inner), *_pair(weights, name))
        x = layers.add(inner, x)
    x = _reduced(x, weights, "exit_flow/reduction_block")
    x = layers.relu(layers.separable(x, *_pair(weights, "exit_flow/separable_conv")))
    pooled = layers.mean_of_image(x)
    age = layers.dense(pooled, weights["fc/age/weights"], weights["fc/age/bias"])
    gender = layers.dense(pooled, weights["fc/gender/weights"], weights["fc/gender/bias"])
    return {"age": age, "gender": layers.softmax(gender)}


def _reduced(x: Any, weights: Weights, name: str, *, first: bool = False) -> Any:
    inner = x if first else layers.relu(x)
    inner = layers.separable(inner, *_pair(weights, f"{name}/separable_conv0"))
    inner = layers.separable(layers.relu(inner), *_pair(weights, f"{name}/separable_conv1"))
    inner = layers.max_pool(inner, 3, 2)
    return layers.add(inner, layers.conv(x, *_kernel(weights, f"{name}/expansion_conv"), stride=2))


def _expression(x: Any, weights: Weights) -> dict[str, Any]:
    """Probabilities of seven expressions."""
    for block in range(4):
        name = f"dense{block}/conv"
        if block == 0:
            x = layers.conv(x, *_kernel(weights, f"{name}0"), stride=2)
        else:
            x = layers.separable(x, *_pair(weights, f"{name}0"), stride=2)
        parts = [layers.relu(x)]
        for step in range(1, 4):
            # The published code adds the unactivated outputs, and activates the sum.
            inner = parts[0] if step == 1 else layers.relu(layers.add(*parts))
            parts.append(layers.separable(inner, *_pair(weights, f"{name}{step}")))
        x = layers.relu(layers.add(*parts))
    logits = layers.dense(layers.mean_of_image(x), weights["fc/weights"], weights["fc/bias"])
    return {"expression": layers.softmax(logits)}


def _kernel(weights: Weights, name: str) -> tuple[Array, Array]:
    return weights[f"{name}/filters"], weights[f"{name}/bias"]


def _pair(weights: Weights, name: str) -> tuple[Array, Array, Array]:
    return (
        weights[f"{name}/depthwise_filter"],
        weights[f"{name}/pointwise_filter"],
        weights[f"{name}/bias"],
    )


_NETWORKS: dict[str, Callable[[Any, Weights], dict[str, Any]]] = {
    "tiny-face-detector": _tiny_yolo,
    "age-gender": _age_gender,
    "face-expression": _expression,
}
