"""A publisher of the tests' own: a bundle of one small model, and a mirror that holds its file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np

PACKAGE, FILE = "author", "weights/tiny.hdf5"


def keras_file(path: Path) -> dict[str, np.ndarray]:
    """Write a model with each kind of layer; its weights, by name."""
    random = np.random.default_rng(1)
    weights = {
        "conv/kernel": random.normal(0, 0.4, (3, 3, 1, 4)),
        "norm/gamma": random.uniform(0.5, 1.5, 4),
        "norm/beta": random.normal(0, 0.2, 4),
        "norm/moving_mean": random.normal(0, 0.2, 4),
        "norm/moving_variance": random.uniform(0.5, 1.5, 4),
        "separable/depthwise_kernel": random.normal(0, 0.4, (3, 3, 4, 1)),
        "separable/pointwise_kernel": random.normal(0, 0.4, (1, 1, 4, 2)),
        "separable/bias": random.normal(0, 0.2, 2),
        "short/kernel": random.normal(0, 0.4, (1, 1, 1, 2)),
        "short/bias": random.normal(0, 0.2, 2),
    }
    weights = {name: value.astype(np.float32) for name, value in weights.items()}

    def layer(kind: str, name: str, after: list[str], **settings: object) -> dict[str, object]:
        inbound = [[[source, 0, 0, {}] for source in after]] if after else []
        return {"class_name": kind, "name": name, "config": settings, "inbound_nodes": inbound}

    plain = {"padding": "same", "strides": [1, 1], "dilation_rate": [1, 1]}
    described = [
        layer("InputLayer", "input", [], batch_input_shape=[None, 9, 9, 1]),
        layer("Conv2D", "conv", ["input"], **plain, activation="linear"),
        layer("BatchNormalization", "norm", ["conv"], epsilon=0.001, axis=-1),
        layer("Activation", "active", ["norm"], activation="relu"),
        layer("SeparableConv2D", "separable", ["active"], **plain, activation="relu"),
        layer(
            "MaxPooling2D", "pool", ["separable"],
            pool_size=[3, 3], strides=[2, 2], padding="same",
        ),
        layer(
            "Conv2D", "short", ["input"],
            padding="same", strides=[2, 2], dilation_rate=[1, 1], activation="linear",
        ),
        layer("Add", "sum", ["pool", "short"]),
        layer("GlobalAveragePooling2D", "mean", ["sum"]),
        layer("Activation", "answers", ["mean"], activation="softmax"),
    ]  # fmt: skip
    config = {"config": {"layers": described, "output_layers": [["answers", 0, 0]]}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        for one in described:
            name = str(one["name"])
            group = file.create_group(f"model_weights/{name}")
            its = [key for key in weights if key.startswith(f"{name}/")]
            group.attrs["weight_names"] = [f"{key}:0" for key in its]
            for key in its:
                group[f"{key}:0"] = weights[key]
    return weights


def publish(folder: Path) -> tuple[Path, Path]:
    """Folders of the models (cards and a bundle called ``small``) and of the mirror."""
    models, mirror = folder / "models_ir", folder / "mirror"
    file = mirror / PACKAGE / FILE
    file.parent.mkdir(parents=True)
    keras_file(file)
    (models / "tiny").mkdir(parents=True)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    (models / "tiny/card.yaml").write_text(
        f"""\
name: tiny
title: as small as can be
upstream: https://example.org/tiny
licence: MIT
source:
  kind: url
  package: {PACKAGE}
  version: "1"
  base: https://127.0.0.1:1/models/
  files:
    {FILE}: {sha256}
reader: keras
input:
  height_px: 9
  width_px: 9
  colour: GREY
  source_layout: NHWC
  source_colour: GREY
  mean: [127.5]
  scale: 127.5
faces:
  decoder: ssd
  outputs: [answers]
  min_score: 0.5
tolerance: 0.01
"""
    )
    (models / "bundles").mkdir()
    (models / "bundles/small.yaml").write_text("name: small\ntitle: small\ndetector: [tiny]\n")
    return models, mirror
