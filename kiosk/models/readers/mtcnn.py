"""The three networks of MTCNN, with the weights of the wheel ``mtcnn``.

Zhang, Zhang, Li and Qiao 2016, Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks, figure 2. The input is RGB [1, height, width, 3].
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kiosk.errors import ModelError
from kiosk.models.readers import layers
from kiosk.models.readers.layers import Array
from kiosk.vision import Card


def read(card: Card, folder: Path) -> Any:
    """The network that the card names, with the published weights.

    Raises:
        ModelError: no such network is known, or the weights are not its.
    """
    import lz4.frame

    if card.network not in _NETWORKS:
        raise ModelError(
            f"{card.name}: network: {card.network!r} is not one of {', '.join(_NETWORKS)}"
        )
    size, build = _NETWORKS[card.network]
    try:
        weights = iter(dumped_arrays(lz4.frame.decompress((folder / "source.lz4").read_bytes())))
        data, image = layers.image(3, size, size)
        outputs = build(image, weights)
        left = len(list(weights))
    except (ValueError, RuntimeError, StopIteration, pickle.UnpicklingError, EOFError) as bad:
        raise ModelError(f"{card.name}: not the weights of {card.network}: {bad}") from bad
    if left:
        raise ModelError(f"{card.name}: {left} weights more than {card.network} has")
    return layers.model(card.name, data, outputs)


def _proposals(x: Any, weights: Iterator[Array]) -> dict[str, Any]:
    """Box corrections [1, rows, columns, 4] and face probabilities [1, rows, columns, 2]."""
    x = layers.max_pool(_block(x, weights), 2, 2)
    x = _block(_block(x, weights), weights)
    boxes = layers.conv(x, next(weights), next(weights), padding="valid")
    faces = layers.conv(x, next(weights), next(weights), padding="valid")
    return {"boxes": layers.to_nhwc(boxes), "faces": layers.softmax(layers.to_nhwc(faces), 3)}


def _refined(x: Any, weights: Iterator[Array]) -> dict[str, Any]:
    """Box corrections [1, 4] and face probabilities [1, 2] of a 24-pixel candidate."""
    x = layers.max_pool(_block(x, weights), 3, 2)
    x = layers.max_pool(_block(x, weights), 3, 2, "valid")
    x = _hidden(_block(x, weights), weights)
    boxes = layers.dense(x, next(weights), next(weights))
    faces = layers.dense(x, next(weights), next(weights))
    return {"boxes": boxes, "faces": layers.softmax(faces)}


def _output(x: Any, weights: Iterator[Array]) -> dict[str, Any]:
    """As :func:`_refined` of 48 pixels, and five points [1, 10]: all x, then all y."""
    x = layers.max_pool(_block(x, weights), 3, 2)
    x = layers.max_pool(_block(x, weights), 3, 2, "valid")
    x = layers.max_pool(_block(x, weights), 2, 2)
    x = _hidden(_block(x, weights), weights)
    boxes = layers.dense(x, next(weights), next(weights))
    points = layers.dense(x, next(weights), next(weights))
    faces = layers.dense(x, next(weights), next(weights))
    return {"boxes": boxes, "points": points, "faces": layers.softmax(faces)}


def _block(x: Any, weights: Iterator[Array]) -> Any:
    x = layers.conv(x, next(weights), next(weights), padding="valid")
    return layers.prelu(x, next(weights))


def _hidden(x: Any, weights: Iterator[Array]) -> Any:
    # The first weights come from a framework that counts columns before rows.
    x = layers.dense(layers.flat(x, (0, 3, 2, 1)), next(weights), next(weights))
    return layers.prelu(x, next(weights))


_NETWORKS: dict[str, tuple[int, Callable[[Any, Iterator[Array]], dict[str, Any]]]] = {
    "pnet": (-1, _proposals),
    "rnet": (24, _refined),
    "onet": (48, _output),
}
"""Side of the input, and what builds it; the first takes images of any size."""


def dumped_arrays(data: bytes) -> list[Array]:
    """The list of arrays in a joblib dump, in the order that they were dumped.

    Raises:
        pickle.UnpicklingError: there is anything else in it than arrays of numbers.
    """
    found = _Arrays(BytesIO(data)).load()
    if not isinstance(found, list) or not all(isinstance(one, np.ndarray) for one in found):
        raise pickle.UnpicklingError("not a list of arrays")
    return [np.asarray(one, np.float32) for one in found]


class _Wrapped:
    """What joblib dumps in an array's place, right before the array's bytes."""

    shape: tuple[int, ...] = ()
    order = "C"
    dtype: np.dtype[Any] = np.dtype(np.float32)

    def read(self, file: BytesIO) -> Array:
        file.read(file.read(1)[0])  # fills up to an aligned address
        count = int(np.prod(self.shape, dtype=np.int64))
        flat = np.frombuffer(file.read(count * self.dtype.itemsize), self.dtype, count)
        return flat.reshape(self.shape, order="F" if self.order == "F" else "C")


# The parser in C cannot be stopped where an array begins; the one in Python has no types.
_Parser: Any = pickle._Unpickler


class _Arrays(_Parser):  # type: ignore[misc]
    """Reads dumped arrays and nothing else: a pickle could otherwise run any code."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Parser.dispatch)

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file)
        self._bytes = file

    def find_class(self, module: str, name: str) -> Any:
        """Only what describes an array."""
        known = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Wrapped,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array")
        return known[module, name]

    def load_build(self) -> None:
        """Set what was read on its object; an array's bytes follow at once."""
        super().load_build()
        if isinstance(self.stack[-1], _Wrapped):
            self.stack.append(self.stack.pop().read(self._bytes))

    dispatch[pickle.BUILD[0]] = load_build
