"""What was measured, as figures to hold and as a table to read."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.peers.measure import HUMAN, KIOSK, PLAIN, Measured, Play
from tests.bench.peers.worker import Clip

BUSY = 0.95
"""Share of kiosk's wall time that it must have had a processor, or others disturb the figures."""

GOALS = ((HUMAN, "default caching", 25.0), (PLAIN, "direct call", 5.0))
"""How many times less time per frame kiosk takes, against the variant that the ratio is held to."""


@dataclass(frozen=True)
class Row:
    """kiosk, or one variant of one peer.

    A time is the mean over the frames of a play, then the median of the plays. A ratio is to the
    play of kiosk just before, then the median.
    """

    peer: str
    variant: str
    wall_ms: float
    wall_ms_range: tuple[float, float]
    cpu_ms: float
    wall_ratio: float
    cpu_ratio: float
    frames_with_face: int
    gender: str | None
    age: str | None


@dataclass(frozen=True)
class Goal:
    """A ratio to hold; it counts only where both saw a face in most of the frames.

    It is held to CPU time: one thread computes on either side, and wall time is also what other
    processes took.
    """

    peer: str
    variant: str
    at_least: float
    cpu_ratio: float
    wall_ratio: float
    comparable: bool
    met: bool


@dataclass(frozen=True)
class Report:
    """All that is printed."""

    clip: str
    size: str
    fps: float
    frames: int
    warmup: int
    rounds: int
    about: dict[str, str]
    rows: list[Row]
    goals: list[Goal]

    def data(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)


def report(
    name: str, clip: Clip, warmup: int, about: dict[str, str], measured: list[Measured]
) -> Report:
    """Reduce the plays."""
    own = [play for one in measured for play in one.kiosk]
    rows = [_row(KIOSK, "as shipped", own, own)]
    rows += [_row(one.peer, one.variant, one.plays, one.kiosk) for one in measured]
    goals = []
    for peer, variant, at_least in GOALS:
        row = next((row for row in rows if (row.peer, row.variant) == (peer, variant)), None)
        if row is None:
            continue
        comparable = min(row.frames_with_face, rows[0].frames_with_face) * 2 > clip.frames
        goals.append(
            Goal(
                peer=peer,
                variant=variant,
                at_least=at_least,
                cpu_ratio=row.cpu_ratio,
                wall_ratio=row.wall_ratio,
                comparable=comparable,
                met=comparable and row.cpu_ratio >= at_least,
            )
        )
    return Report(
        clip=name,
        size=f"{clip.width}x{clip.height}",
        fps=round(clip.fps, 2),
        frames=clip.frames,
        warmup=warmup,
        rounds=len(measured[0].plays),
        about=about,
        rows=rows,
        goals=goals,
    )


def table(told: Report) -> str:
    """The report for a terminal."""
    held = {(goal.peer, goal.variant) for goal in told.goals}
    lines = [
        f"{told.clip}, {told.size}, {told.fps:g} fps: {told.frames} frames a round"
        f" after {told.warmup} of warm-up, {told.rounds} rounds",
        *(f"  {peer}: {about}" for peer, about in told.about.items()),
        "",
        f"{'peer':24}{'ms/frame':>9}{'(range)':>16}{'cpu-ms':>9}{'x kiosk':>9}{'x cpu':>7}"
        f"{'face in':>11}  gender  age",
    ]
    for row in told.rows:
        mark = "*" if (row.peer, row.variant) in held else " "
        low, high = row.wall_ms_range
        lines.append(
            f"{row.peer + ', ' + row.variant + mark:24}{row.wall_ms:9.2f}"
            f"{f'{low:.2f}-{high:.2f}':>16}{row.cpu_ms:9.2f}"
            f"{row.wall_ratio:9.1f}{row.cpu_ratio:7.1f}"
            f"{f'{row.frames_with_face}/{told.frames}':>11}  {row.gender or '-':6}"
            f"  {row.age or '-'}"
        )
    lines += ["", "* the variant that a goal is held to:"]
    for goal in told.goals:
        verdict = "met" if goal.met else "MISSED"
        if not goal.comparable:
            verdict = "VOID: kiosk or this peer found no face in half of the frames"
        lines.append(
            f"  {goal.peer}, {goal.variant}: kiosk takes {goal.cpu_ratio:.1f} x less CPU time"
            f" ({goal.wall_ratio:.1f} x less wall time), at least {goal.at_least:g}: {verdict}"
        )
    own = told.rows[0]
    if own.cpu_ms < BUSY * own.wall_ms:
        waited = 1 - own.cpu_ms / own.wall_ms
        lines.append(
            f"The machine was busy: kiosk waited for a processor for {waited:.0%} of its time;"
            " its wall times say little; run again when nothing else does."
        )
    return "\n".join(lines)


def _row(peer: str, variant: str, plays: list[Play], kiosk: list[Play]) -> Row:
    seen = plays[-1].seen
    genders = Counter(gender for frame in seen for gender in frame["genders"])
    ages = sorted((age for frame in seen for age in frame["ages"]), key=_years)
    walls = [play.wall_ms for play in plays]
    pairs = list(zip(plays, kiosk, strict=True))
    return Row(
        peer=peer,
        variant=variant,
        wall_ms=median(walls),
        wall_ms_range=(min(walls), max(walls)),
        cpu_ms=median(play.cpu_ms for play in plays),
        wall_ratio=median(play.wall_ms / own.wall_ms for play, own in pairs),
        cpu_ratio=median(play.cpu_ms / own.cpu_ms for play, own in pairs),
        frames_with_face=sum(frame["faces"] > 0 for frame in seen),
        gender=genders.most_common(1)[0][0] if genders else None,
        age=ages[len(ages) // 2] if ages else None,
    )


def _years(age: str) -> float:
    """The years of "31.5", the first ones of "25-34" and "65+"."""
    number = re.match(r"\d+(\.\d+)?", age)
    return float(number.group()) if number else 0.0
