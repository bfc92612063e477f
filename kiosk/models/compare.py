"""How far a converted model is from the published one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.vision import Card, openvino_core

SAMPLES = 8
"""Random images that both must agree on."""

Outputs = dict[str, NDArray[np.float32]]


def largest_difference(card: Card, published: Any, folder: Path, ir: Path) -> float:
    """Largest absolute difference between the IR and the published model on random images.

    A TFLite or ONNX file runs on its own runtime (LiteRT or ONNX Runtime), not on OpenVINO. For
    other files there is none at set-up: the graph that was read runs in float32, on input that
    is scaled outside of it.

    Args:
        card: the model's card.
        published: ``openvino.Model`` as it was read, before anything was changed.
        folder: holds the published files.
        ir: the converted model.
    """
    size = _published_size(card, published)
    converted = openvino_core().read_model(str(ir))
    converted.reshape([1, *size, card.input.channels])
    ours = _Graph(converted)
    theirs: _Graph | _Onnx | _TfLite
    if card.reader == "tflite":
        theirs = _TfLite(folder / "source.tflite")
    elif card.reader == "onnx":
        theirs = _Onnx(folder / "source.onnx")
    else:
        published.reshape(shape(card, *size))
        theirs = _Graph(published)
    worst = 0.0
    for image in _random_images(*size, card.input.channels):
        found = ours.run(image)
        for name, value in theirs.run(_prepared(card, image)).items():
            off = float(np.abs(found[name].reshape(value.shape) - value).max())
            worst = float(np.maximum(worst, off))  # unlike max(), it keeps what is not a number
    return worst


def shape(card: Card, height_px: int, width_px: int) -> list[int]:
    """Of the published input, for one image of some size."""
    if card.input.source_layout == "NCHW":
        return [1, card.input.channels, height_px, width_px]
    return [1, height_px, width_px, card.input.channels]


def _published_size(card: Card, published: Any) -> tuple[int, int]:
    """Height and width that the published file fixes, or those of the card where it does not."""
    axes = (2, 3) if card.input.source_layout == "NCHW" else (1, 2)
    fixed = [published.input(0).get_partial_shape()[axis] for axis in axes]
    if all(side.is_static for side in fixed):
        return fixed[0].get_length(), fixed[1].get_length()
    return card.input.height_px, card.input.width_px


def _random_images(height: int, width: int, channels: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    for _ in range(SAMPLES):
        coarse = random.integers(0, 256, (1, 8, 8, channels), np.uint8)
        image = coarse.repeat(-(-height // 8), 1).repeat(-(-width // 8), 2)
        yield np.ascontiguousarray(image[:, :height, :width])


def _prepared(card: Card, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The published input, float32, of a uint8 image [1, height, width, channels]."""
    ordered = image[..., ::-1] if card.input.source_colour == "RGB" else image
    mean = np.asarray(card.input.mean, np.float32)
    scaled = (ordered.astype(np.float32) - mean) / np.float32(card.input.scale)
    if card.input.source_layout == "NCHW":
        scaled = scaled.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(scaled)


class _Graph:
    def __init__(self, model: Any) -> None:
        import openvino as ov

        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
        self._names = [port.get_any_name() for port in model.outputs]
        rows = [node for node in model.get_ops() if node.get_type_name() == "DetectionOutput"]
        if rows:
            # It sorts boxes by their score: what it is fed with can be compared, its rows cannot.
            ports = [rows[0].input_value(place) for place in (0, 1)]
            model = ov.Model(ports, model.get_parameters())
            self._names = ["boxes", "scores"]
        self._compiled = openvino_core().compile_model(model, "CPU", options)

    def run(self, data: NDArray[Any]) -> Outputs:
        return dict(zip(self._names, self._compiled(data).values(), strict=True))


class _Onnx:
    def __init__(self, source: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(
            str(source), providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, data: NDArray[np.float32]) -> Outputs:
        fed = {self._session.get_inputs()[0].name: data}
        return dict(zip(self._names, self._session.run(self._names, fed), strict=True))


class _TfLite:
    def __init__(self, source: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(source))
        self._interpreter.allocate_tensors()

    def run(self, data: NDArray[np.float32]) -> Outputs:
        self._interpreter.set_tensor(self._interpreter.get_input_details()[0]["index"], data)
        self._interpreter.invoke()
        return {
            detail["name"].split(":")[0]: self._interpreter.get_tensor(detail["index"])
            for detail in self._interpreter.get_output_details()
        }
