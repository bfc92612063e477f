"""Published files as OpenVINO graphs in float, with the published input and named outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.errors import ModelError
from kiosk.models.readers import faceapi, keras, mtcnn, tfjs
from kiosk.vision import Card, openvino_core


def _front_end(suffix: str) -> Callable[[Card, Path], Any]:
    def read(card: Card, folder: Path) -> Any:
        try:
            return openvino_core().read_model(str(folder / f"source{suffix}"))
        except RuntimeError as bad:
            reason = str(bad).strip().splitlines()[-1]
            raise ModelError(f"{card.name}: OpenVINO cannot read the file: {reason}") from bad

    return read


_READERS: dict[str, Callable[[Card, Path], Any]] = {
    "tflite": _front_end(".tflite"),
    "onnx": _front_end(".onnx"),
    "openvino": _front_end(".xml"),
    "tfjs-graph": tfjs.read,
    "keras": keras.read,
    "faceapi": faceapi.read,
    "mtcnn": mtcnn.read,
}


def read_graph(card: Card, folder: Path) -> Any:
    """The published model.

    Args:
        card: the model's card.
        folder: holds its files, each called ``source`` with its own suffix.

    Returns:
        ``openvino.Model``: one float32 input of the published layout and size; the outputs that
        the card keeps, or all of them.

    Raises:
        ModelError: the files are not what the card says.
    """
    model = _READERS[card.reader](card, folder)
    if card.keep:
        model = _kept(card, model)
    declared = {*card.keep, *(card.faces.outputs if card.faces is not None else ())}
    declared |= {head.output for head in card.heads.values()}
    for port in model.outputs:
        names = sorted(port.get_names())
        # A tensor may have several names; only the one in the card stays.
        port.get_tensor().set_names({next((name for name in names if name in declared), names[0])})
    return model


def _kept(card: Card, model: Any) -> Any:
    import openvino as ov

    ports = {name: port for port in model.outputs for name in port.get_names()}
    missing = [name for name in card.keep if name not in ports]
    if missing:
        raise ModelError(f"{card.name}: keep: no output {', '.join(missing)} in the published file")
    results = [ports[name].get_node() for name in card.keep]
    return ov.Model(results, model.get_parameters(), card.name)
