"""From a published TFLite or ONNX file to static-shape FP16 OpenVINO IR, and the proof of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import ModelError
from kiosk.models.lts import rewrite_for_lts
from kiosk.vision import Card

RECIPE = 2
"""Raised when the same source is converted to something else: what is built is then built anew."""

SAMPLES = 8
"""Random images that both runtimes must agree on."""


def convert(card: Card, source: Path, target: Path) -> None:
    """Write the IR: the input becomes one uint8 image, scaling and colour order go inside.

    Args:
        card: the model's card.
        source: the published file (.tflite or .onnx).
        target: path of the .xml; the .bin goes beside it.
    """
    import openvino as ov

    model = ov.Core().read_model(str(source))
    height, width = card.input.height_px, card.input.width_px
    channels = 1 if card.input.colour == "GREY" else 3
    nchw = card.input.source_layout == "NCHW"
    model.reshape([1, channels, height, width] if nchw else [1, height, width, channels])
    steps = ov.preprocess.PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout(card.input.source_layout))
    chain = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if channels == 3:
        tensor.set_color_format(ov.preprocess.ColorFormat.BGR)
        chain.convert_color(ov.preprocess.ColorFormat.RGB)
    means = card.input.mean
    chain.mean(means if len(means) == channels else means * channels).scale(card.input.scale)
    built = steps.build()
    rewrite_for_lts(built)
    ov.save_model(built, str(target), compress_to_fp16=True)


def largest_difference(card: Card, source: Path, ir: Path) -> float:
    """Largest absolute difference between the IR and the published model on random images.

    The published model runs on its own runtime (LiteRT or ONNX Runtime), not on OpenVINO.
    """
    import openvino as ov

    compiled = ov.Core().compile_model(
        str(ir), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    )
    channels = 1 if card.input.colour == "GREY" else 3
    shape = (1, card.input.height_px, card.input.width_px, channels)
    random = np.random.default_rng(0)
    worst = 0.0
    for _ in range(SAMPLES):
        coarse = random.integers(0, 256, (1, 8, 8, channels), np.uint8)
        image = coarse.repeat(-(-shape[1] // 8), 1).repeat(-(-shape[2] // 8), 2)
        image = np.ascontiguousarray(image[:, : shape[1], : shape[2]])
        ours = {port.get_any_name(): value for port, value in compiled(image).items()}
        theirs = _reference(card, source, image)
        for name, value in theirs.items():
            off = float(np.abs(ours[name].reshape(value.shape) - value).max())
            worst = float(np.maximum(worst, off))  # unlike max(), it keeps what is not a number
    return worst


def _reference(card: Card, source: Path, image: NDArray[np.uint8]) -> dict[str, Any]:
    rgb = image[..., ::-1].astype(np.float32)
    scaled = ((rgb - np.asarray(card.input.mean, np.float32)) / card.input.scale).astype(np.float32)
    if card.input.source_layout == "NCHW":
        scaled = scaled.transpose(0, 3, 1, 2)
    runner = _run_tflite if source.suffix == ".tflite" else _run_onnx
    return runner(source, np.ascontiguousarray(scaled))


def _run_onnx(source: Path, data: NDArray[np.float32]) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: data}), strict=True))


def _run_tflite(source: Path, data: NDArray[np.float32]) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(source))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], data)
    interpreter.invoke()
    return {
        detail["name"].split(":")[0]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_output_details()
    }


def prove(card: Card, data: bytes, suffix: str, target: Path) -> float:
    """Convert and compare; nothing is left at ``target`` when the two disagree.

    Returns:
        The largest difference that was seen.

    Raises:
        ModelError: it is larger than the card's tolerance.
    """
    with tempfile.TemporaryDirectory(prefix="kiosk-convert-") as folder:
        source = Path(folder) / f"source{suffix}"
        source.write_bytes(data)
        made = Path(folder) / target.name
        convert(card, source, made)
        worst = largest_difference(card, source, made)
        if not worst <= card.tolerance:
            raise ModelError(
                f"{card.name}: the converted model differs from the published one by {worst:.4g},"
                f" more than the card's tolerance of {card.tolerance:g}"
            )
        for part in (made, made.with_suffix(".bin")):
            partial = target.with_name(part.name + ".partial")
            partial.write_bytes(part.read_bytes())
            partial.replace(target.with_name(part.name))
    return worst
