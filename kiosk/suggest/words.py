"""An answer as text for a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from kiosk import terms
from kiosk.suggest.answer import Suggestion
from kiosk.suggest.choosing import Advert

if TYPE_CHECKING:
    from kiosk.vision import Estimate, PhotoFace


def suggestion_text(found: Suggestion) -> str:
    """Faces with their doubt, then the adverts, then what was left out by which rule."""
    photo = found.photo
    count = len(photo.faces)
    faces = "1 face" if count == 1 else f"{count or 'no'} faces"
    lines = [f"{found.name}: {photo.width_px}x{photo.height_px}, {faces}"]
    for number, face in enumerate(photo.faces, 1):
        lines.extend(_face(number, face, found))
    lines.extend(f"  {note}" for note in found.notes)
    lines.append(f"  campaign {found.adverts.campaign}, most likely first:")
    lines.extend(_advert(one) for one in found.adverts.likely)
    if not found.adverts.likely:
        lines.append("    nothing of it may play now")
    if found.adverts.on_schedule:
        lines.append("  once no contract is behind:")
        lines.extend(_advert(one) for one in found.adverts.on_schedule)
    by_rule = sorted(found.adverts.left_out, key=lambda one: one.rule)
    if by_rule:
        lines.append("  left out:")
    for rule, those in groupby(by_rule, key=lambda one: one.rule):
        lines.extend(f"    {rule:>11}: {one.creative:20} {one.why}" for one in those)
    return "\n".join(lines)


def _advert(one: Advert) -> str:
    return f"    {_percent(one.p):>5}  {one.creative.id:20} {one.reason}"


def _face(number: int, face: PhotoFace, found: Suggestion) -> list[str]:
    x, y, width, height = face.box
    where = f"  {number:>2}  {width}x{height} px at {x},{y}"
    if not face.large_enough:
        return [f"{where}: too small, at least {found.min_face_px} px wide are needed"]
    if width != found.in_camera_px(face):
        where += f" ({found.in_camera_px(face)} px wide in a frame of {found.camera_width_px})"
    looks = "faces the camera" if face.looking else "looks elsewhere"
    lines = [f"{where}, {looks}, seen {_percent(face.quality)} well"]
    thought = []
    if face.age is not None and face.years is not None:
        years = face.years
        thought.append(
            f"age {_estimate(face.age)}, {years.mean:.0f} years ({years.low} to {years.high})"
        )
    if face.gender is not None:
        thought.append(f"gender {_estimate(face.gender)}")
    if face.mood is not None:
        thought.append(f"mood {_estimate(face.mood)}")
    if thought:
        lines.append(f"      {'; '.join(thought)}")
    if face.minor_possible:
        why = "possibly under 18" if "age" in found.estimated else "age is not estimated"
        lines.append(f"      {why}: nobody is targeted")
    return lines


def _estimate(one: Estimate) -> str:
    if one.label == terms.UNKNOWN:
        return f"unknown (the best guess has {_percent(one.p)})"
    return f"{one.label} {_percent(one.p)}"


def _percent(p: float) -> str:
    return f"{100 * p:.0f} %"
