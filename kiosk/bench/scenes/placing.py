"""Where everybody is at a time: no pixel is drawn here.

Small motions of a living person (sway, nod, the step of somebody who walks, blinks, a mouth that
moves) are sums of sines whose phases come from the scene's seed and the actor's name.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kiosk.bench.scenes import body, cutout
from kiosk.bench.scenes.portraits import Portrait
from kiosk.bench.scenes.scene import (
    Actor,
    Box,
    Doubles,
    Floats,
    Kind,
    Scene,
)
from kiosk.bench.scenes.turning import face_share, face_shift

FACE_SIDES = (-0.46, -0.56, 0.46, 0.52)
"""Left, top, right and bottom of a face's true box, from its middle, in its marked width.

Detectors do not agree on what a face is: one marks brow to chin and ear to ear, a square; another
forehead to chin and cheek to cheek, taller than wide. This is half way, and fair to both.
"""

SWAY, SWAY_HZ = 0.03, (0.31, 0.47, 0.83)
"""Reach of a standing head's sway in widths of its face, and its rates."""

SWAY_YAW_DEG, SWAY_ROLL_DEG = 3.0, 1.5
STEP, STEP_HZ, STEP_FROM = 0.05, 1.9, 0.5
"""Reach and rate of the bobbing of somebody who walks faster than so many face widths a second."""

BLINK_EVERY_S, BLINK_S = 3.4, 0.18
MOUTH_HZ = (0.23, 0.61)


@dataclass(frozen=True)
class Placed:
    """An actor in one frame, ready to be drawn.

    Attributes:
        actor: who.
        portrait: of the cast.
        t_s: of the frame.
        matrix: float32 [2, 3], from a head's canvas (a person) or the picture (a poster or screen)
            to the frame's pixels.
        body: float32 [2, 3], from a person's body, drawn on a canvas of its own, to the frame's
            pixels.
        yaw_deg: turn of the head that is drawn.
        box: of the face, pixels of the frame.
        frame: which head or picture of the portrait.
        shut: the eyes are.
        mouth: 0..1, how far it has moved.
        speed_px_s: x and y.
    """

    actor: Actor
    portrait: Portrait
    t_s: float
    matrix: Floats
    body: Floats
    yaw_deg: float
    box: Box
    frame: int
    shut: bool
    mouth: float
    speed_px_s: tuple[float, float]

    @property
    def face_px(self) -> float:
        """Width of the face box: the larger, the nearer."""
        return self.box[2] - self.box[0]


def place_all(scene: Scene, cast: Mapping[str, Portrait], t_s: float) -> list[Placed]:
    """Everybody on the set at ``t_s``: pictures on the wall first, then the farthest person."""
    placed = [
        place(scene, actor, cast[actor.portrait], t_s)
        for actor in scene.actors
        if actor.path[0].t_s <= t_s <= actor.path[-1].t_s
    ]
    return sorted(placed, key=lambda one: (one.actor.kind is Kind.PERSON, one.face_px))


def place(scene: Scene, actor: Actor, portrait: Portrait, t_s: float) -> Placed:
    """One actor at a time within its path."""
    x, y, size = _on_path(actor, t_s)
    speed = _speed(actor, t_s)
    frame = _film_frame(portrait, t_s)
    if actor.kind is not Kind.PERSON:
        return _place_picture(actor, portrait, t_s, (x, y, size), frame)
    phase = np.random.default_rng([scene.seed, zlib.crc32(actor.name.encode())]).uniform(0, 1, 8)
    alive = 0.0 if actor.still else 1.0
    x += alive * size * SWAY * _wander(t_s, phase[:3])
    y += alive * size * SWAY * 0.5 * _wander(t_s, phase[3:6])
    if np.hypot(*speed) > STEP_FROM * size:
        y += alive * size * STEP * float(np.sin(2 * np.pi * (STEP_HZ * t_s + phase[6])))
    yaw = _yaw(actor, t_s) + alive * SWAY_YAW_DEG * _wander(t_s + 50, phase[1:4])
    roll = alive * SWAY_ROLL_DEG * _wander(t_s + 90, phase[2:5])
    zoom, mirror = size / cutout.FACE, -1.0 if actor.mirrored else 1.0
    matrix = _matrix((x, y), zoom, mirror, roll)
    blink = (t_s / BLINK_EVERY_S + phase[7]) % 1 * BLINK_EVERY_S
    mouth = 0.5 + 0.5 * float(
        np.mean([np.sin(2 * np.pi * (hz * t_s + phase[7])) for hz in MOUTH_HZ])
    )
    return Placed(
        actor=actor,
        portrait=portrait,
        t_s=t_s,
        matrix=matrix,
        body=_body_matrix((x, y), size),
        yaw_deg=yaw,
        box=_face_box(matrix, portrait.boxes[frame], yaw),
        frame=frame,
        shut=bool(alive) and not portrait.is_film and blink < BLINK_S,
        mouth=0.0 if portrait.is_film else alive * mouth,
        speed_px_s=speed,
    )


def _place_picture(
    actor: Actor, portrait: Portrait, t_s: float, at: tuple[float, float, float], frame: int
) -> Placed:
    """A poster hangs still; a screen hangs still and plays its film."""
    x, y, size = at
    first = portrait.picture_boxes.mean(axis=0)
    zoom = size / float(first[2] - first[0])
    middle = (first[:2] + first[2:]) / 2 * zoom
    matrix = np.array([[zoom, 0, x - middle[0]], [0, zoom, y - middle[1]]], np.float32)
    frame = frame if actor.kind is Kind.SCREEN else 0
    box = _face_box(matrix, portrait.picture_boxes[frame], 0.0)
    return Placed(actor, portrait, t_s, matrix, matrix, 0.0, box, frame, False, 0.0, (0.0, 0.0))


def _matrix(at: tuple[float, float], zoom: float, mirror: float, roll_deg: float) -> Floats:
    """From a canvas to the frame: the canvas's middle of the face goes to ``at``."""
    angle = np.radians(roll_deg)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag([mirror, 1.0])
    shift = np.array(at) - turn @ np.array(cutout.MIDDLE)
    return np.concatenate([turn, shift[:, None]], axis=1).astype(np.float32)


def _body_matrix(at: tuple[float, float], face_px: float) -> Floats:
    zoom = face_px / body.UNIT
    x, y = at[0] - zoom * body.MIDDLE[0], at[1] - zoom * body.MIDDLE[1]
    return np.array([[zoom, 0, x], [0, zoom, y]], np.float32)


def _face_box(matrix: Floats, marked: Floats, yaw_deg: float) -> Box:
    """The face box in the frame: upright, also when the head is tilted or turned.

    Args:
        matrix: from the canvas or picture to the frame.
        marked: float32 [4], the face as it was marked there.
        yaw_deg: turn of the head.
    """
    middle = matrix[:, :2] @ ((marked[:2] + marked[2:]) / 2) + matrix[:, 2]
    wide = float(marked[2] - marked[0]) * float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    x, y = float(middle[0]) + face_shift(yaw_deg) * wide, float(middle[1])
    left, top, right, bottom = (side * wide * face_share(yaw_deg) for side in FACE_SIDES)
    return (x + left, y + top, x + right, y + bottom)


def _on_path(actor: Actor, t_s: float) -> tuple[float, float, float]:
    times = [point.t_s for point in actor.path]
    x = np.interp(t_s, times, [point.x_px for point in actor.path])
    y = np.interp(t_s, times, [point.y_px for point in actor.path])
    # A face that comes nearer at an even pace grows like one over its distance.
    far = np.interp(t_s, times, [1 / point.face_px for point in actor.path])
    return float(x), float(y), float(1 / far)


def _speed(actor: Actor, t_s: float, step_s: float = 0.02) -> tuple[float, float]:
    before, after = _on_path(actor, t_s - step_s), _on_path(actor, t_s + step_s)
    return (after[0] - before[0]) / (2 * step_s), (after[1] - before[1]) / (2 * step_s)


def _yaw(actor: Actor, t_s: float) -> float:
    if not actor.turns:
        return 0.0
    times = [turn.t_s for turn in actor.turns]
    return float(np.interp(t_s, times, [turn.yaw_deg for turn in actor.turns]))


def _wander(t_s: float, phases: Doubles) -> float:
    """A slow motion within -1..1."""
    waves = [np.sin(2 * np.pi * (hz * t_s + at)) for hz, at in zip(SWAY_HZ, phases, strict=True)]
    return float(np.mean(waves))


def _film_frame(portrait: Portrait, t_s: float) -> int:
    """Which frame of a film: it is played forwards and backwards, without a jump."""
    if not portrait.is_film:
        return 0
    last = len(portrait.heads) - 1
    at = int(t_s * portrait.fps) % (2 * last)
    return at if at <= last else 2 * last - at
