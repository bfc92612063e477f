"""What is answered about one photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kiosk.config import Attribute
from kiosk.suggest.choosing import Advert, Adverts

if TYPE_CHECKING:
    from kiosk.vision import Estimate, Photo, PhotoFace

LIVENESS = "not judged"
"""A poster is told from a person by how it moves, and nothing moves on a photo."""


@dataclass(frozen=True)
class Suggestion:
    """The faces of a photo, and what would play for them.

    Attributes:
        name: of the photo, as it was given.
        photo: what is on it.
        estimated: what may be estimated of a face.
        min_face_px: ``vision.detection.min_face_px``.
        camera_width_px: ``vision.camera.width_px``.
        adverts: what would be chosen, and what not.
        notes: what else there is to know, a sentence each.
    """

    name: str
    photo: Photo
    estimated: tuple[Attribute, ...]
    min_face_px: int
    camera_width_px: int
    adverts: Adverts
    notes: tuple[str, ...]

    def in_camera_px(self, face: PhotoFace) -> int:
        """Width of a face if the camera had taken the photo, at the width that it is asked for."""
        return round(face.box[2] / self.photo.width_px * self.camera_width_px)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is not estimated is ``null``."""
        photo, adverts = self.photo, self.adverts
        return {
            "photo": self.name,
            "width_px": photo.width_px,
            "height_px": photo.height_px,
            "estimated": list(self.estimated),
            "liveness": LIVENESS,
            "min_face_px": self.min_face_px,
            "faces": [self._face(number, face) for number, face in enumerate(photo.faces, 1)],
            "faces_left_out": photo.left_out,
            "minor_possible": adverts.minor_possible,
            "campaign": adverts.campaign,
            "adverts": [_advert(one) for one in adverts.likely],
            "on_schedule": [_advert(one) for one in adverts.on_schedule],
            "left_out": [
                {"creative": one.creative, "rule": one.rule, "why": one.why}
                for one in adverts.left_out
            ],
            "notes": list(self.notes),
        }

    def _face(self, number: int, face: PhotoFace) -> dict[str, Any]:
        wide, tall = self.photo.width_px, self.photo.height_px
        x, y, width, height = face.box
        years = face.years
        return {
            "number": number,
            "box": [
                round(x / wide, 4),
                round(y / tall, 4),
                round(width / wide, 4),
                round(height / tall, 4),
            ],
            "box_px": list(face.box),
            "width_px": width,
            "camera_width_px": self.in_camera_px(face),
            "large_enough": face.large_enough,
            "score": face.score,
            "looking": face.looking,
            "quality": face.quality,
            **_told("age_band", "age_p", face.age),
            "ages": face.ages,
            "years": years and {"mean": years.mean, "low": years.low, "high": years.high},
            **_told("gender", "gender_p", face.gender),
            "genders": face.genders,
            **_told("mood", "mood_p", face.mood),
            "moods": face.moods,
            "minor_possible": face.minor_possible if face.large_enough else None,
        }


def _advert(one: Advert) -> dict[str, Any]:
    return {
        "creative": one.creative.id,
        "kind": one.creative.kind,
        "category": one.creative.category,
        "p": round(one.p, 4),
        "reason": one.reason,
        "explanation": one.explanation,
    }


def _told(name: str, name_of_p: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {name: None, name_of_p: None}
    return {name: estimate.label, name_of_p: estimate.p}
