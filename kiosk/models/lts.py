"""Operations that OpenVINO 2022.3 LTS reads, in place of newer forms of the same.

That release is the last one with a plugin for the Neural Compute Stick, so a model that it cannot
read shuts those devices out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kiosk.errors import ModelError


def rewrite_for_lts(model: Any) -> None:
    """Replace newer operations in an OpenVINO model, in place; what it computes stays the same.

    Args:
        model: ``openvino.Model`` with static shapes.

    Raises:
        ModelError: an operation newer than the LTS has no older form here.
    """
    from openvino.utils import replace_node

    older: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("Interpolate", "opset11"): _interpolate,
        ("Pad", "opset12"): _pad,
    }
    for node in model.get_ordered_ops():
        kind = (node.get_type_name(), node.get_type_info().version_id)
        if kind in older:
            name = node.get_friendly_name()
            new = older[kind](node)
            replace_node(node, new)
            new.set_friendly_name(name)
        elif int(kind[1].removeprefix("opset") or 0) > LTS_OPSET:
            raise ModelError(f"{kind[0]} of {kind[1]} is newer than OpenVINO 2022.3 LTS reads")


LTS_OPSET = 10


def _interpolate(node: Any) -> Any:
    from openvino import opset10

    image, target, *given = (port.get_source_output() for port in node.inputs())
    wanted = node.get_attributes()
    sizes = wanted["shape_calculation_mode"] == "sizes"
    chosen = list(range(len(node.get_input_shape(0))))
    if given:
        chosen = [int(axis) for axis in given[0].get_node().get_data()]
    before, after = node.get_input_shape(0), node.get_output_shape(0)
    scales = np.array([after[axis] / before[axis] for axis in chosen], np.float32)
    return opset10.interpolate(
        image,
        target if sizes else np.array([after[axis] for axis in chosen], np.int64),
        scales if sizes else target,
        wanted["mode"],
        wanted["shape_calculation_mode"],
        list(wanted["pads_begin"]),
        list(wanted["pads_end"]),
        wanted["coordinate_transformation_mode"],
        wanted["nearest_mode"],
        antialias=wanted["antialias"],
        cube_coeff=wanted["cube_coeff"],
        axes=np.array(chosen, np.int64),
    )


def _pad(node: Any) -> Any:
    from openvino import opset1

    image, begin, end, *value = (port.get_source_output() for port in node.inputs())
    return opset1.pad(image, begin, end, node.get_attributes()["pad_mode"], *value)
