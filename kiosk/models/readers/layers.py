"""Layers as TensorFlow defines them, built of OpenVINO operations that 2022.3 LTS reads too.

Tensors are NCHW inside; kernels come as TensorFlow stores them, [height, width, in, out].
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Padding = Literal["same", "valid"]

_AUTO = {"same": "same_upper", "valid": "valid"}


def image(channels: int, height: int = -1, width: int = -1) -> tuple[Any, Any]:
    """A float32 input [1, height, width, channels] and the same as NCHW."""
    from openvino import opset1

    data = opset1.parameter([1, height, width, channels], np.float32, name="image")
    return data, opset1.transpose(data, np.array([0, 3, 1, 2], np.int64))


def conv(
    x: Any, kernel: Array, bias: Array | None = None, *, stride: int = 1, padding: Padding = "same"
) -> Any:
    """Convolution."""
    from openvino import opset1

    weights = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    made = opset1.convolution(
        x, weights, [stride] * 2, [0, 0], [0, 0], [1, 1], auto_pad=_AUTO[padding]
    )
    return made if bias is None else add_per_channel(made, bias)


def separable(
    x: Any,
    depthwise: Array,
    pointwise: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "same",
) -> Any:
    """One filter per channel [height, width, channels, 1], then a mixture of the channels."""
    from openvino import opset1

    weights = np.ascontiguousarray(depthwise.transpose(2, 3, 0, 1)[:, :, None])
    made = opset1.group_convolution(
        x, weights, [stride] * 2, [0, 0], [0, 0], [1, 1], auto_pad=_AUTO[padding]
    )
    return conv(made, pointwise, bias, padding="valid")


def padded(x: Any, px: int) -> Any:
    """Zeros around the image."""
    from openvino import opset1

    around = np.array([0, 0, px, px], np.int64)
    return opset1.pad(x, around, around, "constant", np.float32(0))


def max_pool(x: Any, size: int, stride: int, padding: Padding = "same") -> Any:
    """The largest of each window."""
    from openvino import opset1

    return opset1.max_pool(x, [stride] * 2, [0, 0], [0, 0], [size] * 2, auto_pad=_AUTO[padding])


def mean_of_image(x: Any) -> Any:
    """Mean over height and width: [1, channels]."""
    from openvino import opset1

    return opset1.reduce_mean(x, np.array([2, 3], np.int64), keep_dims=False)


def dense(x: Any, weights: Array, bias: Array) -> Any:
    """Fully connected: [1, n] times [n, m]."""
    from openvino import opset1

    product = opset1.matmul(x, np.ascontiguousarray(weights), False, False)
    return opset1.add(product, bias.reshape(1, -1).astype(np.float32))


def add_per_channel(x: Any, numbers: Array) -> Any:
    """One number per channel added."""
    from openvino import opset1

    return opset1.add(x, numbers.reshape(1, -1, 1, 1).astype(np.float32))


def scale_per_channel(x: Any, numbers: Array) -> Any:
    """Each channel times its number."""
    from openvino import opset1

    return opset1.multiply(x, numbers.reshape(1, -1, 1, 1).astype(np.float32))


def add(*parts: Any) -> Any:
    """Sum of equal shapes."""
    from openvino import opset1

    total = parts[0]
    for part in parts[1:]:
        total = opset1.add(total, part)
    return total


def relu(x: Any) -> Any:
    """Negative values become zero."""
    from openvino import opset1

    return opset1.relu(x)


def prelu(x: Any, slope: Array) -> Any:
    """Negative values times a slope, one per channel or one for all."""
    from openvino import opset1

    return opset1.prelu(x, slope.reshape(-1).astype(np.float32))


def softmax(x: Any, axis: int = 1) -> Any:
    """Probabilities along an axis."""
    from openvino import opset1

    return opset1.softmax(x, axis)


def to_nhwc(x: Any) -> Any:
    """Channels last, as TensorFlow has them."""
    from openvino import opset1

    return opset1.transpose(x, np.array([0, 2, 3, 1], np.int64))


def flat(x: Any, order: tuple[int, int, int, int]) -> Any:
    """All numbers in a row, after the axes were put in an order: [1, n]."""
    from openvino import opset1

    turned = opset1.transpose(x, np.array(order, np.int64))
    return opset1.reshape(turned, np.array([1, -1], np.int64), False)


def model(name: str, data: Any, outputs: dict[str, Any]) -> Any:
    """``openvino.Model`` with named outputs."""
    import openvino as ov
    from openvino import opset1

    results = []
    for output, node in outputs.items():
        node.output(0).get_tensor().set_names({output})
        results.append(opset1.result(node))
    return ov.Model(results, [data], name)
