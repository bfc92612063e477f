"""How right the counts are: passes, dwell and attention, as the product counts them.

Comes in: settings, composed scenes and, where there are some, clips. Goes out: what the whole chain
made of them (pace, pipeline, pass book, :func:`count_pass`) beside what is true. A pass that counts
is an opportunity to see: dwell of at least ``ots_min_s``, in truth as in the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.audience import EndedPass, PassBook, count_pass
from kiosk.bench.counted import CountingResult, Followed, compare, count_clip
from kiosk.bench.scenes import (
    Box,
    Image,
    Kind,
    Portrait,
    Scene,
    Truth,
    portraits,
    render,
    true_passes,
)
from kiosk.config import Settings
from kiosk.errors import BadInputError
from kiosk.vision import Viewer, VisionRecord, open_footage, open_pace, open_pipeline

if TYPE_CHECKING:
    from kiosk.vision import Pace, Pipeline

CLIPS = (".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
"""Endings of files that are taken for clips."""

APART_S = 7200.0
"""Time between two films for a pipeline that sees one after the other: past all patience."""

SAME_IOU = 0.2
"""Overlap with a true face from which a viewer is thought to be that face."""


def clips_in(folder: Path) -> list[Path]:
    """The clips of a folder, by name.

    Raises:
        BadInputError: there is no such folder, or no clip in it.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder}: there is no such folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in CLIPS)
    if not found:
        raise BadInputError(
            f"{folder}: there is no clip in it", hint=f"a clip's name ends in {', '.join(CLIPS)}"
        )
    return found


def count_everything(
    settings: Settings,
    scenes: Iterable[Scene],
    clips: Iterable[Path],
    say: Callable[[str], None] = lambda _: None,
    cast: Mapping[str, Portrait] | None = None,
) -> CountingResult:
    """Let the product count scenes and clips.

    Args:
        settings: of vision, the audience and privacy.
        scenes: to render.
        clips: files that OpenCV reads.
        say: is told what is being looked at, and what was downloaded.
        cast: the portraits that the scenes name; by default those in the cache folder, which are
            fetched where they are missing.

    Raises:
        ModelError: a model is missing, altered, or not what its card says, or a portrait cannot
            be downloaded.
        SourceError: a clip cannot be decoded.
    """
    scenes, chain = list(scenes), _Chain(settings)
    if scenes and cast is None:
        cast = portraits(say=say)
    rows = []
    for scene in scenes:
        say(f"{scene.name}: {scene.frames} frames")
        truths: list[Truth] = []
        for frame in render(scene, cast or {}):
            truths.append(frame.truth)
            chain.see(frame.image, frame.t_s, frame.truth)
        passes = true_passes(truths, scene.fps, settings.vision.tracking.gap_s)
        rows.append(compare(scene.name, passes, *chain.finish(), settings.audience.ots_min_s))
    counted = {}
    for path in clips:
        say(f"{path.name}: counting")
        first_s = last_s = None
        for one in open_footage(settings.vision, path):
            first_s, last_s = one.t_s if first_s is None else first_s, one.t_s
            chain.see(one.image, one.t_s)
        counted[path.name] = count_clip(*chain.finish(), (last_s or 0.0) - (first_s or 0.0))
    return CountingResult(tuple(rows), counted)


class _Chain:
    """The product, from the frame to the counts, on one film after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # This machine's heat says nothing of the device that the figures are for.
        cool = settings.vision.pace.model_copy(update={"warm_c": 1e6, "hot_c": 2e6})
        self._vision = settings.vision.model_copy(update={"pace": cool})
        self._pipeline: Pipeline = open_pipeline(self._vision, "bench")
        self._start_s = 0.0
        self._begin()

    def _begin(self) -> None:
        self._pace: Pace = open_pace(self._vision)
        self._book = PassBook(self._settings.audience)
        self._alone: dict[str, PassBook] = {}
        self._followed: dict[str, Followed] = {}
        self._sums: Counter[str] = Counter()
        self._now_s = self._start_s

    def see(self, image: Image, t_s: float, truth: Truth | None = None) -> None:
        """One frame."""
        self._now_s = self._start_s + t_s
        if not self._pace.wants(image, self._now_s):
            return
        record = self._pipeline.process(image, self._now_s)
        self._pace.looked(self._pipeline.somebody, self._now_s)
        self._count(self._book.update(record, None))
        for viewer in record.viewers:
            one = self._followed.setdefault(viewer.id, Followed(viewer.first_s, viewer.last_s))
            one.last_s, one.minor_possible = viewer.last_s, viewer.minor_possible
            if truth is not None and viewer.last_s == record.t_s:
                one.actors.update(_actors(viewer, truth, image))
        self._follow_alone(record)

    def finish(self) -> tuple[int, list[Followed]]:
        """The film is over.

        Returns:
            How many opportunities to see it added to the hour, and everybody who was followed,
            with times that begin with 0.
        """
        self._count(self._book.end_all())
        for name, book in self._alone.items():
            self._end(name, book.end_all())
        done = list(self._followed.values())
        for one in done:
            one.first_s, one.last_s = one.first_s - self._start_s, one.last_s - self._start_s
        ots = self._sums["ots"]
        self._start_s = self._now_s + APART_S
        self._begin()
        return ots, done

    def _count(self, ended: list[EndedPass]) -> None:
        for one in ended:
            self._sums.update(count_pass(one, self._settings.audience, self._settings.privacy))

    def _follow_alone(self, record: VisionRecord) -> None:
        """A book of each viewer's own tells which of the passes was whose."""
        for viewer in record.viewers:
            book = self._alone.setdefault(viewer.id, PassBook(self._settings.audience))
            book.update(replace(record, viewers=(viewer,)), None)
        gone = set(self._alone) - {viewer.id for viewer in record.viewers}
        for name in gone:
            self._end(name, self._alone.pop(name).update(replace(record, viewers=()), None))

    def _end(self, name: str, ended: list[EndedPass]) -> None:
        for one in ended:
            followed = self._followed[name]
            followed.ended = one
            followed.counted = count_pass(one, self._settings.audience, self._settings.privacy)


def _actors(viewer: Viewer, truth: Truth, image: Image) -> Iterator[tuple[str, Kind]]:
    """Whose face a viewer's box is on, if anybody's."""
    height, width = image.shape[:2]
    x, y, wide, tall = viewer.box
    box = (x * width, y * height, (x + wide) * width, (y + tall) * height)
    best = max(truth.seen, key=lambda one: _overlap(one.box, box), default=None)
    if best is not None and _overlap(best.box, box) >= SAME_IOU:
        yield best.actor, best.kind


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    tall = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * tall / max(sum(areas) - wide * tall, 1e-9)
