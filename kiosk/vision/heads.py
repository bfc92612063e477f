"""The models that look at one face: a chip in, what each of them says of it out."""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

from kiosk.errors import ModelError
from kiosk.vision.cards import BundleCards, Card, HeadOutput, Task
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import Floats, Image, chip, face_patch, reach
from kiosk.vision.runtime import Models, Network

LEAST_P = 1e-4
"""A network that is surer than this has seen too little of the world."""

Opinions = dict[Task, dict[str, Floats]]
"""For each task what each model says, by the model's name: logarithms of the probabilities of its
labels, float32 [labels]; or for age its mean, float32 [1] in years."""


class Head:
    """One model over one face at a time.

    Attributes:
        card: of the model.
        tasks: what it is asked for; whatever else comes out of it is never read.
        crop: the part of a face that it looks at.
        eye_px: distance of the eyes in its chip.
        view: equal for models that look at the same chip.
    """

    def __init__(
        self, card: Card, network: Network, tasks: Optional[frozenset[Task]] = None
    ) -> None:
        if card.crop is None:
            raise ModelError(f"{card.name}: the card of an attribute model needs `crop`")
        self.card = card
        self.tasks = frozenset(card.heads) if tasks is None else tasks
        self._network = network
        self.crop = card.crop
        self.eye_px = card.crop.eye_distance * card.input.width_px
        self.view = (card.crop, card.input.width_px, card.input.colour)

    def chip(self, frame: Image, keypoints: Floats) -> Image:
        """What it looks at: uint8 [height, width, channels] out of a uint8 BGR frame."""
        cut = chip(frame, keypoints, self.crop, self.card.input.width_px)
        if self.card.input.colour == "GREY":
            cut = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8)
            if self.crop.equalise:
                cut = np.asarray(cv2.equalizeHist(cut), np.uint8)
            cut = cut[..., None]
        return cut

    def start(self, cut: Image) -> None:
        """Begin to look at a chip."""
        self._network.input[0] = cut
        self._network.start()

    def ask(self, cut: Image) -> dict[Task, Floats]:
        """What the model says of a chip; raises as :meth:`finish` does."""
        self.start(cut)
        return self.finish()

    def finish(self) -> dict[Task, Floats]:
        """What the model says, of each of its tasks that came out as numbers.

        Raises:
            ModelError: the model's outputs are not what its card says.
        """
        outputs = self._network.wait()
        said: dict[Task, Floats] = {}
        for task, head in self.card.heads.items():
            if task not in self.tasks:
                continue
            opinion = self._read(outputs, head, task)
            # An accelerator that computes in half precision may overflow: that is no opinion.
            if np.isfinite(opinion).all():
                said[task] = opinion
        return said

    def _read(self, outputs: dict[str, Tensor], head: HeadOutput, task: Task) -> Floats:
        name = head.output or next(iter(outputs))
        values = np.array(outputs.get(name, ()), np.float32).reshape(-1)
        wanted = len(head.labels or head.years)
        if head.decoder in ("sigmoid", "years"):
            wanted = 1
        if values.size != wanted:
            raise ModelError(
                f"{self.card.name}: {values.size} numbers come out for {task},"
                f" its card names {wanted}"
            )
        if not np.isfinite(values).all():
            return values
        if head.decoder == "years":
            return np.asarray(values * head.years[0], np.float32)
        if head.decoder == "sigmoid":
            values = np.append(1 - values, values)
        elif head.decoder == "logits":
            values = np.exp(values - values.max())
        p = values / max(float(values.sum()), 1e-9)
        if task == "age":
            return np.asarray([p @ np.asarray(head.years, np.float32)], np.float32)
        order = [head.labels.index(label) for label in head.known_labels]
        return np.asarray(np.log(p[order] + LEAST_P), np.float32)


class Heads:
    """The models of a bundle that look at a face.

    Attributes:
        all: each of them that is loaded.
        tasks: what they estimate together.
    """

    def __init__(
        self, cards: BundleCards, models: Models, wanted: Optional[frozenset[Task]] = None
    ) -> None:
        """Load those models that estimate something wanted, and no other.

        Args:
            cards: the bundle.
            models: where networks come from.
            wanted: what may be estimated; ``None``: all that the bundle can.
        """
        self.all: list[Head] = []
        for card in cards.heads:
            tasks = frozenset(card.heads)
            tasks = tasks if wanted is None else tasks & wanted
            if tasks:
                self.all.append(Head(card, models.network(card), tasks))
        self.tasks: frozenset[Task] = frozenset().union(*(head.tasks for head in self.all))
        self._eye_px = max((head.eye_px for head in self.all), default=1.0)
        self._reach = max((reach(head.crop) for head in self.all), default=1.0)

    def patch(self, frame: Image, keypoints: Floats) -> tuple[Image, Floats]:
        """The part of a uint8 BGR frame that every chip of a face comes from, and its keypoints."""
        return face_patch(frame, keypoints, self._eye_px, self._reach)

    def look(
        self, image: Image, keypoints: Floats, tasks: frozenset[Task], mirrored: bool
    ) -> Opinions:
        """Ask every model that has one of ``tasks`` about one face.

        Args:
            image: uint8 BGR [height, width, 3], a frame or a :meth:`patch` of it.
            keypoints: float32 [6, 2] in pixels of the image.
            tasks: what is asked.
            mirrored: look at the face's mirror image, which says the same of a person.
        """
        asked = [head for head in self.all if head.tasks & tasks]
        said: Opinions = {task: {} for task in tasks}
        chips: dict[object, Image] = {}
        for head in asked:
            # While a model runs, the next one's chip is cut; alike ones are cut once.
            if head.view not in chips:
                cut = head.chip(image, keypoints)
                chips[head.view] = cut[:, ::-1] if mirrored else cut
            head.start(chips[head.view])
        for head in asked:
            for task, opinion in head.finish().items():
                if task in tasks:
                    said[task][head.card.name] = opinion
        return said
