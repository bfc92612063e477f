"""From published files to static-shape FP16 OpenVINO IR, and the proof of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from kiosk.errors import ModelError
from kiosk.models.compare import largest_difference, shape
from kiosk.models.lts import rewrite_for_lts
from kiosk.models.readers import read_graph
from kiosk.models.sources import Sources
from kiosk.vision import Card

RECIPE = 3
"""Raised when the same source is converted to something else: what is built is then built anew."""


def make(card: Card, sources: Sources, target: Path) -> tuple[list[Path], float]:
    """Fetch, convert and compare; nothing is left in ``target`` when the two disagree.

    Args:
        card: the model's card.
        sources: where its files come from.
        target: folder that the built files go to.

    Returns:
        The built files, the one to load first, and the largest difference that was seen.

    Raises:
        ModelError: a file cannot be had, is not what its card says, or the difference is larger
            than the card's tolerance.
    """
    with tempfile.TemporaryDirectory(prefix="kiosk-convert-") as name:
        folder = Path(name)
        sources.save(card.source, folder)
        if card.reader == "cascade":
            made, difference = [_checked_cascade(card, folder)], 0.0
        else:
            made, difference = _converted(card, folder)
        return [_put(file, target) for file in made], difference


def _converted(card: Card, folder: Path) -> tuple[list[Path], float]:
    model = read_graph(card, folder)
    published = model.clone()
    made = folder / f"{card.name}.xml"
    convert(card, model, made)
    worst = largest_difference(card, published, folder, made)
    if not worst <= card.tolerance:
        raise ModelError(
            f"{card.name}: the converted model differs from the published one by {worst:.4g},"
            f" more than the card's tolerance of {card.tolerance:g}"
        )
    return [made, made.with_suffix(".bin")], worst


def convert(card: Card, model: Any, target: Path) -> None:
    """Write the IR: the input becomes one uint8 image, scaling and colour order go inside.

    Args:
        card: the model's card.
        model: ``openvino.Model`` with the published input; changed in place.
        target: path of the .xml; the .bin goes beside it.
    """
    import openvino as ov

    wanted, channels = card.input, card.input.channels
    model.reshape(shape(card, wanted.height_px, wanted.width_px))
    steps = ov.preprocess.PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout(wanted.source_layout))
    chain = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if wanted.source_colour == "RGB":
        tensor.set_color_format(ov.preprocess.ColorFormat.BGR)
        chain.convert_color(ov.preprocess.ColorFormat.RGB)
    means = wanted.mean if len(wanted.mean) == channels else wanted.mean * channels
    if any(means):
        chain.mean(means)
    if wanted.scale != 1:
        chain.scale(wanted.scale)
    built = steps.build()
    _forget_inner_names(built)
    rewrite_for_lts(built)
    ov.save_model(built, str(target), compress_to_fp16=True)


def _forget_inner_names(model: Any) -> None:
    """Keep the names of outputs only: a plugin may give an inner tensor's name to an output too."""
    outputs = {port.get_any_name() for port in model.outputs}
    for node in model.get_ordered_ops():
        for port in node.outputs():
            port.get_tensor().set_names(port.get_names() & outputs)


def _checked_cascade(card: Card, folder: Path) -> Path:
    """A cascade is used as it is published, if OpenCV reads it."""
    import cv2

    published = folder / "source.xml"
    if cv2.CascadeClassifier(str(published)).empty():
        raise ModelError(f"{card.name}: the published file is not a cascade that OpenCV reads")
    return published.rename(folder / f"{card.name}.xml")


def _put(file: Path, target: Path) -> Path:
    """Copy in one step, so that no half of a file is ever under its name."""
    partial = target / f"{file.name}.partial"
    shutil.copyfile(file, partial)
    return partial.replace(target / file.name)
