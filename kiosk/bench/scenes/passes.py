"""From the truth of frames to the truth of passes: what counting is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kiosk.bench.scenes.scene import Kind, Scene, Truth

GAP_S = 1.5
"""Somebody who is out of view for longer is a new pass, as it is for the product."""


@dataclass(frozen=True)
class TruePass:
    """One actor, from when it comes into view to when it leaves.

    Attributes:
        actor: its name in the scene.
        kind: what it is: only a person is to be counted.
        first_s, last_s: times of the first and the last frame in which it is in view.
        attention_s: seconds in view and facing the screen.
    """

    actor: str
    kind: Kind
    first_s: float
    last_s: float
    attention_s: float

    @property
    def dwell_s(self) -> float:
        """Seconds from the first to the last frame."""
        return self.last_s - self.first_s


def true_passes(frames: Iterable[Truth], fps: float, gap_s: float = GAP_S) -> tuple[TruePass, ...]:
    """Passes in order of their beginning; pictures on the wall are among them, with their kind.

    Args:
        frames: the truth of every frame, in order.
        fps: frames per second.
        gap_s: how long somebody may be out of view within one pass.
    """
    done: list[TruePass] = []
    going: dict[str, TruePass] = {}
    for frame in frames:
        for one in frame.seen:
            if not one.present:
                continue
            before = going.get(one.actor)
            if before is not None and frame.t_s - before.last_s > gap_s:
                done.append(before)
                before = None
            first_s = frame.t_s if before is None else before.first_s
            looked_s = (0.0 if before is None else before.attention_s) + one.facing / fps
            going[one.actor] = TruePass(one.actor, one.kind, first_s, frame.t_s, looked_s)
    return tuple(sorted([*done, *going.values()], key=lambda one: (one.first_s, one.actor)))


def as_json(scene: Scene, frames: list[Truth]) -> dict[str, Any]:
    """The truth of a scene as JSON values: its passes, and every frame's faces."""
    return {
        "scene": scene.name,
        "size_px": list(scene.size_px),
        "fps": scene.fps,
        "seed": scene.seed,
        "passes": [
            asdict(one) | {"dwell_s": one.dwell_s} for one in true_passes(frames, scene.fps)
        ],
        "frames": [
            {
                "t_s": round(frame.t_s, 4),
                "seen": [
                    asdict(one)
                    | {"box": [round(side, 2) for side in one.box], "present": one.present}
                    for one in frame.seen
                ],
            }
            for frame in frames
        ],
    }
