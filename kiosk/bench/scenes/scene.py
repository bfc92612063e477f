"""What a scene is made of, and what is true in each of its frames: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame; may reach outside of it."""

FACING_MAX_YAW_DEG = 28.0
"""Turn up to which a head faces the screen; scenes turn heads well within it or well beyond."""

IN_VIEW_SHARE = 0.35
"""Visible share of a face from which it counts as in view: less shows no face to anybody."""


class Kind(StrEnum):
    """What an actor is; only a person is to be counted."""

    PERSON = "person"
    POSTER = "poster"
    SCREEN = "screen"


@dataclass(frozen=True)
class Waypoint:
    """Where the middle of a face is at a time; between two of them it moves evenly.

    Attributes:
        t_s: seconds since the scene's start.
        x_px, y_px: middle of the face, pixels of the frame.
        face_px: its width from ear to ear, pixels.
    """

    t_s: float
    x_px: float
    y_px: float
    face_px: float


@dataclass(frozen=True)
class Turn:
    """How far a head is turned at a time; between two of them it turns evenly.

    Attributes:
        t_s: seconds since the scene's start.
        yaw_deg: 0 faces the camera, positive is towards the right edge of the picture.
    """

    t_s: float
    yaw_deg: float


@dataclass(frozen=True)
class Actor:
    """Somebody, or the picture of somebody.

    Attributes:
        name: unique in its scene.
        kind: a person, a poster or a screen that plays a film.
        portrait: name of the portrait; a screen wants the one that is a film.
        path: in order of time; the actor exists from the first waypoint to the last.
        turns: in order of time; empty always faces the camera.
        mirrored: the portrait is mirrored.
        gain: brightness of the portrait, 1 as photographed.
        clothes_bgr: colour of a person's clothes.
        still: a person without any motion of its own (for tests of the drawing).
    """

    name: str
    kind: Kind
    portrait: str
    path: tuple[Waypoint, ...]
    turns: tuple[Turn, ...] = ()
    mirrored: bool = False
    gain: float = 1.0
    clothes_bgr: tuple[int, int, int] = (90, 70, 60)
    still: bool = False


@dataclass(frozen=True)
class Pillar:
    """Something in front of everybody, from the floor to the ceiling.

    Attributes:
        x1_px, x2_px: its sides, pixels of the frame.
    """

    x1_px: float
    x2_px: float


@dataclass(frozen=True)
class Light:
    """Lamps, lens and sensor.

    Attributes:
        gain: brightness, 1 as drawn.
        gamma: exponent on 0..1 values; more than 1 darkens the middle tones.
        side: -1..1, by how much the left (negative) or right side is brighter than the other.
        flicker: share of the brightness that comes and goes.
        flicker_hz: how often, as the camera sees it.
        noise: standard deviation of the sensor's noise, in steps of 0..255.
        exposure_s: how long a frame is exposed: what moves is smeared over this time.
    """

    gain: float = 1.0
    gamma: float = 1.0
    side: float = 0.0
    flicker: float = 0.0
    flicker_hz: float = 1.3
    noise: float = 2.0
    exposure_s: float = 0.008


@dataclass(frozen=True)
class Scene:
    """A shot of a shop with known truth; the same value always gives the same frames.

    Attributes:
        name: unique among scenes.
        size_px: width, height.
        fps: frames per second.
        duration_s: seconds.
        seed: of the background, the noise and every actor's small motions.
        actors: in any order; the larger face is the nearer one.
        pillars: in front of everybody.
        light: over the whole scene.
    """

    name: str
    size_px: tuple[int, int]
    fps: float
    duration_s: float
    seed: int
    actors: tuple[Actor, ...] = ()
    pillars: tuple[Pillar, ...] = ()
    light: Light = field(default_factory=Light)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return round(self.duration_s * self.fps)


@dataclass(frozen=True)
class Seen:
    """One actor in one frame.

    Attributes:
        actor: its name.
        kind: what it is.
        box: of the face.
        visible: share of the face that is in the frame and not covered, 0..1.
        yaw_deg: how far the head is turned; for a picture 0.
        facing: the head points at the screen; never true of a picture.
    """

    actor: str
    kind: Kind
    box: Box
    visible: float
    yaw_deg: float
    facing: bool

    @property
    def present(self) -> bool:
        """Enough of the face is to be seen."""
        return self.visible >= IN_VIEW_SHARE

    @property
    def face_px(self) -> float:
        """Width of the face box."""
        return self.box[2] - self.box[0]


@dataclass(frozen=True)
class Truth:
    """What is true in one frame; actors that are not on the set are left out."""

    number: int
    t_s: float
    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class RenderedFrame:
    """One frame: the picture, uint8 BGR [height, width, 3], and what is true in it."""

    image: Image
    t_s: float
    truth: Truth
