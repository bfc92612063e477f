"""Counts beside the truth: which passes are right, and what was counted that is nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kiosk.audience import Counts, EndedPass
from kiosk.bench.scenes import Kind, TruePass

NEAR_THRESHOLD_S = 0.25
"""True passes whose dwell is so near to ``ots_min_s`` may fall on either side of it."""

WITHIN_S = 1.0
"""Error of dwell and of attention up to which a pass is right."""


@dataclass
class Followed:
    """One viewer, from its first record to its last.

    Attributes:
        first_s, last_s: of its sightings.
        ended: what the pass book made of it alone; ``None`` of what vision took for a picture.
        counted: what it adds to its hour.
        minor_possible: as last thought.
        actors: in how many frames it was which actor of the scene.
    """

    first_s: float
    last_s: float
    ended: EndedPass | None = None
    counted: Counts = field(default_factory=dict)
    minor_possible: bool = False
    actors: Counter[tuple[str, Kind]] = field(default_factory=Counter)

    @property
    def actor(self) -> tuple[str, Kind] | None:
        """Whom it was most of the time; nobody's face is a mistake of the detector."""
        return self.actors.most_common(1)[0][0] if self.actors else None

    @property
    def is_ots(self) -> bool:
        """It counts."""
        return bool(self.counted.get("ots"))


@dataclass(frozen=True)
class SceneCount:
    """What was counted in a scene, and what is true.

    Attributes:
        scene: its name.
        passes_true, passes_counted: opportunities to see.
        near_threshold: true passes of people whose dwell is near ``ots_min_s``.
        dwell_right, attention_right: true passes that were counted once, with an error of up to
            :data:`WITHIN_S`.
        pictures_counted: passes counted of posters and screens.
        nobodys: passes counted of what is no face.
        rejected: true passes whose face was followed for long enough and taken for a picture's.
        dwell_error_s, attention_error_s: the largest error of a pass that was counted once.
    """

    scene: str
    passes_true: int
    passes_counted: int
    near_threshold: int
    dwell_right: int
    attention_right: int
    pictures_counted: int
    nobodys: int
    rejected: int
    dwell_error_s: float
    attention_error_s: float


@dataclass(frozen=True)
class ClipCount:
    """What was counted in a clip.

    Attributes:
        passes: opportunities to see.
        watchers: those that faced the screen for long enough.
        minors_possible: passes of somebody who may be under 18.
        seconds: its duration.
    """

    passes: int
    watchers: int
    minors_possible: int
    seconds: float


@dataclass(frozen=True)
class CountingResult:
    """Sums over the scenes, the scenes, and the clips.

    Attributes:
        rows: one per scene.
        clips: by the file's name.
    """

    rows: tuple[SceneCount, ...]
    clips: Mapping[str, ClipCount]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; shares are of the true passes, 1 where there is none."""
        true = self._sum("passes_true")
        return {
            "scenes": len(self.rows),
            "passes_true": true,
            "passes_counted": self._sum("passes_counted"),
            "passes_near_threshold": self._sum("near_threshold"),
            "dwell_within_1s": _share(self._sum("dwell_right"), true),
            "attention_within_1s": _share(self._sum("attention_right"), true),
            "posters_counted": self._sum("pictures_counted"),
            "nobodys_counted": self._sum("nobodys"),
            "false_rejections": round(self._sum("rejected") / true, 4) if true else 0.0,
            "rows": [asdict(row) for row in self.rows],
            "clips": {name: asdict(clip) for name, clip in self.clips.items()},
        }

    def _sum(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def compare(
    scene: str, passes: Iterable[TruePass], ots: int, followed: list[Followed], ots_min_s: float
) -> SceneCount:
    """A scene's counts beside its truth.

    Args:
        scene: its name.
        passes: true ones, pictures among them.
        ots: how many were counted.
        followed: everybody whom vision followed.
        ots_min_s: dwell from which a pass counts.
    """
    people = [one for one in passes if one.kind is Kind.PERSON]
    true = [one for one in people if one.dwell_s >= ots_min_s]
    counted = [one for one in followed if one.is_ots]
    errors = [error for one in true if (error := _errors(one, counted)) is not None]
    kinds = [None if one.actor is None else one.actor[1] for one in counted]
    return SceneCount(
        scene=scene,
        passes_true=len(true),
        passes_counted=ots,
        near_threshold=sum(abs(one.dwell_s - ots_min_s) < NEAR_THRESHOLD_S for one in people),
        dwell_right=sum(dwell <= WITHIN_S for dwell, _ in errors),
        attention_right=sum(attention <= WITHIN_S for _, attention in errors),
        pictures_counted=sum(kind in (Kind.POSTER, Kind.SCREEN) for kind in kinds),
        nobodys=kinds.count(None),
        rejected=sum(_rejected(one, followed, ots_min_s) for one in true),
        dwell_error_s=round(max((dwell for dwell, _ in errors), default=0.0), 2),
        attention_error_s=round(max((attention for _, attention in errors), default=0.0), 2),
    )


def _of(true: TruePass, followed: list[Followed]) -> list[Followed]:
    """Who was that person during that pass."""
    return [
        one
        for one in followed
        if one.actor == (true.actor, true.kind)
        and one.first_s <= true.last_s
        and true.first_s <= one.last_s
    ]


def _errors(true: TruePass, counted: list[Followed]) -> tuple[float, float] | None:
    """Errors of dwell and attention, of a pass that was counted exactly once."""
    found = _of(true, counted)
    if len(found) != 1 or (ended := found[0].ended) is None:
        return None
    return abs(ended.dwell_s - true.dwell_s), abs(ended.attention_s - true.attention_s)


def _rejected(true: TruePass, followed: list[Followed], ots_min_s: float) -> bool:
    found = [one for one in _of(true, followed) if one.last_s - one.first_s >= ots_min_s]
    return bool(found) and all(one.ended is None for one in found)


def count_clip(ots: int, followed: list[Followed], seconds: float) -> ClipCount:
    """What was counted in a clip, of which nothing is known."""
    counted = [one for one in followed if one.is_ots]
    return ClipCount(
        passes=ots,
        watchers=sum(one.counted.get("watchers", 0) for one in counted),
        minors_possible=sum(one.minor_possible for one in counted),
        seconds=round(seconds, 2),
    )


def as_table(result: CountingResult) -> str:
    """The figures for a terminal."""
    sums = result.as_dict()
    lines = [
        "opportunities to see; dwell and attention: passes counted once, within 1 s",
        "",
        f"{'scene':24} {'true':>5} {'counted':>8} {'dwell':>6} {'attention':>10}"
        f" {'pictures':>9} {'rejected':>9}",
    ]
    lines += [
        f"{row.scene:24} {row.passes_true:5d} {row.passes_counted:8d} {row.dwell_right:6d}"
        f" {row.attention_right:10d} {row.pictures_counted:9d} {row.rejected:9d}"
        for row in result.rows
    ]
    lines += [
        f"{'all':24} {sums['passes_true']:5d} {sums['passes_counted']:8d}"
        f" {100 * sums['dwell_within_1s']:5.1f}% {100 * sums['attention_within_1s']:9.1f}%"
        f" {sums['posters_counted']:9d} {100 * sums['false_rejections']:8.1f}%",
    ]
    if result.clips:
        lines += ["", f"{'clip':44} {'passes':>7} {'watchers':>9} {'minors':>7} {'seconds':>8}"]
        lines += [
            f"{name:44} {clip.passes:7d} {clip.watchers:9d} {clip.minors_possible:7d}"
            f" {clip.seconds:8.1f}"
            for name, clip in result.clips.items()
        ]
    return "\n".join(lines)
