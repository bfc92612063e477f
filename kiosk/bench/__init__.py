"""Benches on footage of known truth: what vision costs, how well it follows, how right it counts.

Comes in: settings of vision, and scenes composed from published portraits. Goes out: figures with
their baseline beside them. An extra for whoever develops or chooses hardware: never on a device in
a shop, and never a part of its service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kiosk.bench.choice import as_table as as_choice_table
from kiosk.bench.choice import measure as measure_choice
from kiosk.bench.counted import as_table as as_counting_table
from kiosk.bench.counting import clips_in, count_everything
from kiosk.bench.sample import fetch_footage, sample_clip
from kiosk.bench.scenes import CACHE, Scene, portraits, render, standard_scenes, still_crowd
from kiosk.bench.vision import as_table as as_vision_table
from kiosk.bench.vision import measure as measure_vision

if TYPE_CHECKING:
    from kiosk.bench.tracking import TrackingResult
    from kiosk.config import Settings, VisionSettings

__all__ = [
    "CACHE",
    "as_choice_table",
    "as_counting_table",
    "as_tracking_table",
    "as_vision_table",
    "clips_in",
    "compare_trackers",
    "count_everything",
    "fetch_footage",
    "fleet_bench_text",
    "measure_choice",
    "measure_vision",
    "portraits",
    "render",
    "run_fleet_bench",
    "run_screen_bench",
    "sample_clip",
    "screen_bench_text",
    "standard_scenes",
    "still_crowd",
]


def compare_trackers(
    settings: VisionSettings, scenes: Iterable[Scene], say: Callable[[str], None]
) -> TrackingResult:
    """Run several trackers on the same faces; see :mod:`kiosk.bench.tracking`."""
    from kiosk.bench import tracking

    return tracking.compare_trackers(settings, scenes, say)


def as_tracking_table(result: TrackingResult) -> str:
    """The figures for a terminal."""
    from kiosk.bench import tracking

    return tracking.as_table(result)


def run_fleet_bench(settings: Settings, say: Callable[[str], None], **asked: Any) -> dict[str, Any]:
    """Play a fleet; ``asked`` are the fields of :class:`kiosk.bench.fleet.BenchPlan`."""
    from kiosk.bench import fleet

    return fleet.run_fleet_bench(settings, fleet.BenchPlan(**asked), say)


def fleet_bench_text(found: dict[str, Any]) -> str:
    """The figures for a terminal."""
    from kiosk.bench import fleet

    return fleet.fleet_bench_text(found)


def run_screen_bench(say: Callable[[str], None], **asked: Any) -> dict[str, Any]:
    """Play on a real screen; ``asked`` are the fields of :class:`kiosk.bench.screen.ScreenPlan`."""
    from kiosk.bench import screen

    return screen.run_screen_bench(screen.ScreenPlan(**asked), say)


def screen_bench_text(found: dict[str, Any]) -> str:
    """The figures for a terminal."""
    from kiosk.bench import screen

    return screen.as_table(found)
