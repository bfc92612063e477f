"""Scenes: footage of a shop with known truth, composed from published sample portraits.

Comes in: a :class:`Scene` (who walks where, how far heads turn, light, lens, decoys) and the cast
of portraits. Goes out: frames, each with every face's box, its visible share, whether it faces the
screen, and whether it is a person at all. The same scene always gives the same frames. Set-up and
measurement only: never on a device; pictures stay in a cache folder and are never committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kiosk.bench.scenes.passes import GAP_S, TruePass, as_json, true_passes
from kiosk.bench.scenes.portraits import Portrait, load_portraits, portraits
from kiosk.bench.scenes.render import render
from kiosk.bench.scenes.scene import (
    FACING_MAX_YAW_DEG,
    IN_VIEW_SHARE,
    Actor,
    Box,
    Image,
    Kind,
    Light,
    Pillar,
    RenderedFrame,
    Scene,
    Seen,
    Truth,
    Turn,
    Waypoint,
)
from kiosk.bench.scenes.sources import CACHE, missing
from kiosk.bench.scenes.standard import standard_scenes, still_crowd
from kiosk.bench.scenes.visible import truth

__all__ = [
    "CACHE",
    "FACING_MAX_YAW_DEG",
    "GAP_S",
    "IN_VIEW_SHARE",
    "Actor",
    "Box",
    "Image",
    "Kind",
    "Light",
    "Pillar",
    "Portrait",
    "RenderedFrame",
    "Scene",
    "Seen",
    "TruePass",
    "Truth",
    "Turn",
    "Waypoint",
    "as_json",
    "load_portraits",
    "missing",
    "portraits",
    "render",
    "standard_scenes",
    "still_crowd",
    "true_passes",
    "truth",
    "write_video",
]


def write_video(scene: Scene, cast: Mapping[str, Portrait], path: Path) -> Path:
    """Write a video and its truth beside it; see :mod:`kiosk.bench.scenes.video`."""
    from kiosk.bench.scenes import video  # an encoder is not always there

    return video.write_video(scene, cast, path)
