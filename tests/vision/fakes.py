"""Networks and rooms of models that a test plays, and small helpers on boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.vision.cards import Bundle, BundleCards, Card, Fusion, HeadOutput, load_card
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import Faces, Floats, Image

Outputs = dict[str, Tensor]
MODELS_IR = Path(__file__).resolve().parents[2] / "models_ir"


class PlayedNetwork:
    """Says what a test makes of its input; counts how often it was asked."""

    def __init__(self, height: int, width: int, channels: int, say: Callable[[Image], Outputs]):
        self.input: Image = np.zeros((1, height, width, channels), np.uint8)
        self.say = say
        self.runs = 0
        self._started = False

    def run(self) -> Outputs:
        self.runs += 1
        return self.say(self.input[0])

    def start(self) -> None:
        assert not self._started, "started twice without waiting"
        self._started = True

    def wait(self) -> Outputs:
        assert self._started, "waited for what was not started"
        self._started = False
        return self.run()


class PlayedModels:
    """Gives out played networks, and remembers their sizes."""

    def __init__(self, say: dict[str, Callable[[Image], Outputs]]) -> None:
        """Take what each model says, by its name."""
        self._say = say
        self.networks: dict[str, list[PlayedNetwork]] = {}

    def network(self, card: Card, height_px: int = 0, width_px: int = 0) -> PlayedNetwork:
        sizes = (height_px or card.input.height_px, width_px or card.input.width_px)
        made = PlayedNetwork(*sizes, card.input.channels, self._say[card.name])
        self.networks.setdefault(card.name, []).append(made)
        return made

    def file(self, card: Card) -> Path:
        raise AssertionError(f"{card.name}: nobody should want a file")


def some_faces(boxes: list[tuple[float, ...]], scores: list[float] | None = None) -> Faces:
    """Faces whose keypoints stand at the upper left of their boxes."""
    xyxy = np.asarray(boxes, np.float32).reshape(-1, 4)
    told = np.full(len(xyxy), 0.9) if scores is None else scores
    return Faces(xyxy, np.asarray(told, np.float32), np.repeat(xyxy[:, None, :2], 6, axis=1))


def overlap(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes."""
    side = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    shared = float(side.prod())
    areas = [float((box[2:] - box[:2]).prod()) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def square_seer(names: list[str], score: float = 0.9) -> Callable[[Image], Outputs]:
    """A network with YuNet's tensors to which every bright square is a face that looks ahead.

    A square's brightness over 255 is the share of ``score`` that it gets.
    """

    def say(image: Image) -> Outputs:
        tall, wide = image.shape[:2]
        kinds = (1, 1, 4, 10)
        outputs = {
            name: np.zeros((1, (tall // stride) * (wide // stride), kinds[place // 3]), np.float32)
            for place, (name, stride) in enumerate(zip(names, STRIDES * 4, strict=True))
        }
        bright = (image[..., 1] > 60).astype(np.uint8)
        _, _, stats, middles = cv2.connectedComponentsWithStats(bright)
        for (_, _, width, height, _), (x, y) in zip(stats[1:], middles[1:] + 0.5, strict=True):
            column, row = min(int(x // 8), wide // 8 - 1), min(int(y // 8), tall // 8 - 1)
            cell = row * (wide // 8) + column
            sure = score * float(image[min(int(y), tall - 1), min(int(x), wide - 1), 1]) / 255
            outputs[names[0]][0, cell] = outputs[names[3]][0, cell] = sure
            at = np.array([x / 8 - column, y / 8 - row])
            size = np.array([width, height]) / 8
            outputs[names[6]][0, cell] = [*at, *np.log(size)]
            points = at + (FRONTAL - 0.5) * size
            outputs[names[9]][0, cell] = points.ravel()
        return outputs

    return say


STRIDES = (8, 16, 32)
FRONTAL = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.63], [0.35, 0.8], [0.65, 0.8]])
"""Eyes, nose and mouth corners of a face that looks at the camera, in shares of its box."""


def with_squares(width: int, height: int, *squares: tuple[int, int, int]) -> Image:
    """A black frame with bright squares: x, y of the upper left, side."""
    frame = np.zeros((height, width, 3), np.uint8)
    for x, y, side in squares:
        frame[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)] = 255
    return frame


def head_card(name: str, side: int = 32, **heads: dict[str, Any]) -> Card:
    """The card of a model that looks at a face; for each task, its decoder and so on."""
    told = {task: HeadOutput(**{"output": task, **head}) for task, head in heads.items()}
    base = load_card(MODELS_IR, "gender-dlib-v1")
    size = base.input.model_copy(update={"height_px": side, "width_px": side})
    return base.model_copy(update={"name": name, "heads": told, "input": size})


def bundle_of(*heads: Card, **fusion: dict[str, Any]) -> BundleCards:
    """A bundle with these heads; for each task, how they are pooled."""
    detector = load_card(MODELS_IR, "face-detection-yunet")
    rules = {task: Fusion(**told) for task, told in fusion.items()}
    bundle = Bundle(name="played", title="played", detector=[detector.name], fusion=rules)
    return BundleCards(bundle, (detector,), heads)


class Says:
    """What a network says, until a test changes it."""

    def __init__(self, **outputs: Any) -> None:
        self.outputs = outputs
        self.seen: list[Image] = []

    def __call__(self, image: Image) -> Outputs:
        assert image.dtype == np.uint8
        self.seen.append(image.copy())
        return {name: np.asarray(value, np.float32)[None] for name, value in self.outputs.items()}

    @property
    def asked(self) -> int:
        """How often."""
        return len(self.seen)
