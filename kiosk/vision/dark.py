"""Whether the camera gives nothing but black pictures: a cap, a tape, a sensor that is gone."""

from __future__ import annotations

import numpy as np

from kiosk.vision.faces import Image

EVERY_PX = 16
"""Of a picture every 16th pixel of every 16th row is looked at: 3,600 of a 1280x720 one."""

BLACK_LEVEL = 40
"""Up to this value in all of blue, green and red a pixel is black; a covered sensor's noise stays
below, and a shop at night has a lamp or a sign that does not."""

LIT_SHARE = 0.005
"""With fewer pixels than this share above it, the picture is black: hot pixels do not light it."""

LOOK_S = 1.0
"""Between two looks: each takes a tenth of a millisecond, and light can wait a second."""

BLACK_S = 10.0
"""Black pictures for this long are no hand on the lens."""


class Darkness:
    """Remembers since when pictures are black."""

    def __init__(self) -> None:
        self._looked_s = float("-inf")
        self._since_s: float | None = None
        self._dark = False

    def update(self, frame: Image, t_s: float) -> bool:
        """Whether pictures have been black for long, as of the last look.

        Args:
            frame: uint8 BGR [height, width, 3].
            t_s: when it was taken, in monotonic seconds.
        """
        if t_s - self._looked_s < LOOK_S:
            return self._dark
        self._looked_s = t_s
        if not is_black(frame):
            self._since_s = None
        elif self._since_s is None:
            self._since_s = t_s
        self._dark = self._since_s is not None and t_s - self._since_s >= BLACK_S
        return self._dark


def is_black(frame: Image) -> bool:
    """Whether there is next to nothing to be seen in a picture."""
    brightest = frame[::EVERY_PX, ::EVERY_PX].max(axis=2)
    return bool(np.count_nonzero(brightest > BLACK_LEVEL) < LIT_SHARE * brightest.size)
