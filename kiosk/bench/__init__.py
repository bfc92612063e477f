"""Benches on footage of known truth: what the vision loop costs, and how well it follows.

Comes in: settings of vision, and scenes composed from published portraits. Goes out: figures with
their baseline beside them. An extra for whoever develops or chooses hardware: never on a device in
a shop, and never a part of its service.
"""

from kiosk.bench.sample import fetch_footage, sample_clip
from kiosk.bench.scenes import CACHE, portraits, render, standard_scenes, still_crowd
from kiosk.bench.tracking import as_table as as_tracking_table
from kiosk.bench.tracking import compare_trackers
from kiosk.bench.vision import as_table as as_vision_table
from kiosk.bench.vision import measure as measure_vision

__all__ = [
    "CACHE",
    "as_tracking_table",
    "as_vision_table",
    "compare_trackers",
    "fetch_footage",
    "measure_vision",
    "portraits",
    "render",
    "sample_clip",
    "standard_scenes",
    "still_crowd",
]
