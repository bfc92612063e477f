"""How much of each face is to be seen: the truth of a frame, from places and outlines alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from kiosk.bench.scenes.body import body
from kiosk.bench.scenes.placing import Placed, place_all
from kiosk.bench.scenes.portraits import Portrait
from kiosk.bench.scenes.scene import (
    FACING_MAX_YAW_DEG,
    Doubles,
    Floats,
    Image,
    Kind,
    Scene,
    Seen,
    Truth,
)

SAMPLES = 20
"""Points along each side of a face at which it is asked whether they can be seen."""

COVERS = 128
"""Opacity, of 255, from which a person in front hides what is behind."""


def truth(scene: Scene, cast: Mapping[str, Portrait]) -> Iterator[Truth]:
    """What is true in each frame, without drawing any."""
    for number in range(scene.frames):
        t_s = number / scene.fps
        yield Truth(number, t_s, seen(scene, place_all(scene, cast, t_s)))


def seen(scene: Scene, placed: list[Placed]) -> tuple[Seen, ...]:
    """What is true of everybody on the set; ``placed`` has the farthest first."""
    return tuple(
        Seen(
            actor=one.actor.name,
            kind=one.actor.kind,
            box=one.box,
            visible=_visible(scene, one, placed[at + 1 :]),
            yaw_deg=one.yaw_deg,
            facing=one.actor.kind is Kind.PERSON and abs(one.yaw_deg) <= FACING_MAX_YAW_DEG,
        )
        for at, one in enumerate(placed)
    )


def _visible(scene: Scene, one: Placed, nearer: list[Placed]) -> float:
    x1, y1, x2, y2 = one.box
    side = (np.arange(SAMPLES) + 0.5) / SAMPLES
    across, along = (grid.ravel() for grid in np.meshgrid(side, side))
    in_ellipse = (across - 0.5) ** 2 + (along - 0.5) ** 2 <= 0.25
    x = x1 + (x2 - x1) * across[in_ellipse]
    y = y1 + (y2 - y1) * along[in_ellipse]
    width, height = scene.size_px
    free = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    for pillar in scene.pillars:
        free &= (x < pillar.x1_px) | (x > pillar.x2_px)
    for other in nearer:
        free &= ~_covered(other, x, y)
    return round(float(free.mean()), 3)


def _covered(person: Placed, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    """Which of the frame's points a person hides."""
    head = person.portrait.heads[person.frame]
    clothes = body(person.actor.clothes_bgr, person.portrait.skin_bgr)
    return _opaque(head, person.matrix, x, y) | _opaque(clothes, person.body, x, y)


def _opaque(layer: Image, matrix: Floats, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    column, row, _ = np.round(inverse @ np.stack([x, y, np.ones_like(x)])).astype(int)
    height, width = layer.shape[:2]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    cover = layer[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1), 3]
    return np.asarray(inside & (cover >= COVERS))
