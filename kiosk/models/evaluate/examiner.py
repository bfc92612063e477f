"""What is asked of that which is examined: a search of a frame, and a look at one face."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""[height, width, 3], BGR."""

Floats = NDArray[np.floating[Any]]

Task = Literal["age", "gender", "emotion"]


class Look(Protocol):
    """What is thought of one face of a still picture."""

    @property
    def found(self) -> bool:
        """The detector found it; else the typical place in the picture was used."""

    @property
    def years_p(self) -> Floats:
        """Probabilities of the ages 0 to 100 years, [101]; empty without an age head."""

    @property
    def gender_p(self) -> Mapping[str, float]:
        """Probability of each of ``terms.GENDERS``; empty without a gender head."""

    @property
    def mood_p(self) -> Mapping[str, float]:
        """Probability of those of ``terms.MOODS`` that the bundle knows; may be empty."""

    @property
    def minor_possible(self) -> bool:
        """It may be a minor, so nothing may be targeted."""


class Examiner(Protocol):
    """One bundle, loaded, as ``kiosk.vision.Examiner`` is."""

    @property
    def tasks(self) -> Set[Task]:
        """What it estimates."""

    @property
    def unknown_below(self) -> Mapping[Task, float]:
        """Probability per task below which its answer is ``unknown``."""

    def find(self, image: Image) -> tuple[Floats, Floats]:
        """All faces: boxes [n, 4] as xmin, ymin, xmax, ymax in pixels; scores [n], 0 to 1."""

    def look(self, image: Image) -> Look:
        """Look at the one face of a picture."""

    def time_ms(self, image: Image, repeats: int) -> Mapping[str, float]:
        """Median milliseconds: ``frame`` (search of it), ``face`` (all heads), and per model."""
