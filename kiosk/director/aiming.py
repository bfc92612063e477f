"""What somebody who aims the camera needs to know of each face: never the picture of one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from kiosk.audience import Audience
from kiosk.config import Settings
from kiosk.vision import Viewer, VisionRecord

Hint = Literal["picture", "edge", "limit", "small"]

EDGE_SHARE = 0.015
"""A box that comes this near to the picture's edge is likely a face that is cut off."""

LIMIT_SHARE = 1.25
"""A face that is narrower than so many times the least is passed over with the next step back."""

EYES_M = 0.063
"""Between an adult's eyes."""


@dataclass(frozen=True)
class Lens:
    """A pinhole camera, in shares of the picture's width: what a box tells of a distance.

    Attributes:
        focal: focal length as a share of the picture's width.
        face_width_m: width that a box has at the face.
        width_px: of the picture, as asked of the camera; it may give another one.
    """

    focal: float
    face_width_m: float
    width_px: int

    @staticmethod
    def of(settings: Settings) -> Lens:
        """The camera as it is configured."""
        camera = settings.vision.camera
        focal = 0.5 / math.tan(math.radians(camera.horizontal_fov_deg) / 2)
        return Lens(focal, settings.vision.zones.face_width_m, camera.width_px)

    def distance_m(self, share: float) -> float:
        """How far a face is whose box is so wide; a turned head seems farther."""
        return self.focal * self.face_width_m / max(share, 1 / self.width_px)


def aiming_view(
    settings: Settings, audience: Audience, record: VisionRecord | None, rest: str
) -> dict[str, Any]:
    """What the aiming page shows.

    Args:
        settings: the whole configuration.
        audience: for vision's state; its viewers leave out who has just come, and pictures.
        record: vision's last word.
        rest: why nobody is looked at just now, if that is wanted.
    """
    vision, lens, live = settings.vision, Lens.of(settings), audience.state == "live"
    farthest_m = lens.distance_m(vision.detection.min_face_px / lens.width_px)
    if vision.zones.max_distance_m is not None:
        farthest_m = min(farthest_m, vision.zones.max_distance_m)
    return {
        "vision": audience.state,
        "age_s": round(audience.age_s, 1) if math.isfinite(audience.age_s) else None,
        "rest": rest,
        "dark": live and record is not None and record.dark,
        "fps": record.fps if live and record is not None else None,
        "estimated": list(settings.seeing.attributes.estimate or ()),
        "camera": {
            "width_px": lens.width_px,
            "height_px": vision.camera.height_px,
            "fov_deg": vision.camera.horizontal_fov_deg,
            "min_face_px": vision.detection.min_face_px,
            "farthest_m": round(farthest_m, 1),
        },
        "zones": [{"name": one.name, "polygon": one.polygon} for one in vision.zones.ignore],
        "faces": [_face(one, record, lens, settings) for one in record.viewers]
        if live and record is not None
        else [],
    }


def _face(viewer: Viewer, record: VisionRecord, lens: Lens, settings: Settings) -> dict[str, Any]:
    share = viewer.box[2]
    return {
        "id": viewer.id,
        "box": viewer.box,
        "seen": viewer.last_s >= record.t_s,
        "distance_m": round(lens.distance_m(share), 1),
        "width_px": round(share * lens.width_px),
        "looking": viewer.looking,
        "age": viewer.age_band,
        "age_p": viewer.age_p,
        "gender": viewer.gender,
        "gender_p": viewer.gender_p,
        "mood": viewer.mood,
        "mood_p": viewer.mood_p,
        "hints": _hints(viewer, share * lens.width_px, lens, settings),
    }


def _hints(viewer: Viewer, width_px: float, lens: Lens, settings: Settings) -> list[Hint]:
    x, y, w, h = viewer.box
    seeing = settings.seeing
    hints: list[Hint] = [] if viewer.live else ["picture"]
    if min(x, y) < EDGE_SHARE or max(x + w, y + h) > 1 - EDGE_SHARE:
        hints.append("edge")
    eyes_px = width_px * EYES_M / lens.face_width_m
    if width_px < seeing.detection.min_face_px * LIMIT_SHARE:
        hints.append("limit")
    elif seeing.attributes.estimate and eyes_px < seeing.attributes.good_eye_distance_px:
        hints.append("small")
    return hints
