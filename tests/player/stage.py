"""A schedule with its listener and a rotation to choose from, without a screen or a clock."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from kiosk.ads import Creative, Decision, Targeting
from kiosk.config import PlayerSettings
from kiosk.player import Play, Schedule, media_url

DURATION_S = 5.0


def creative(name: str, path: Path = Path("x.svg")) -> Creative:
    return Creative(name, "image", path, DURATION_S, "general", 1, True, Targeting())


class Stage:
    """Chooses its creatives in turn; what the schedule tells is written down."""

    def __init__(self, *names: str) -> None:
        self.now_s = 0.0
        self.creatives = [creative(name) for name in names or ("a", "b", "c")]
        self.turn = 0
        self.refused: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.prepared: list[Play] = []
        self.started_plays: list[tuple[str, bool]] = []
        self.ends: list[tuple[str, float, bool]] = []
        ids = count(1)
        self.schedule = Schedule(
            PlayerSettings(),
            self.choose,
            lambda: f"play-{next(ids)}",
            listener=self,
            refused=lambda: self.refused,
            version=media_url,
            playing=lambda: self.creatives,
        )

    def choose(self, broken: Mapping[str, str]) -> Decision | None:
        self.left_out = dict(broken)
        able = [one for one in self.creatives if one.id not in broken]
        if not able:
            return None
        self.turn += 1
        return Decision(able[self.turn % len(able)], "spring", "rotation: test", "A test.")

    def prepare(self, play: Play) -> None:
        self.prepared.append(play)

    def started(self, play: Play, *, presented: bool) -> None:
        self.started_plays.append((play.play_id, presented))

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        self.ends.append((play.play_id, round(duration_s, 3), completed))

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        until = self.now_s + seconds
        while self.now_s < until - 1e-9:
            self.now_s += step_s
            self.schedule.tick(self.now_s)

    def connect(self) -> None:
        self.schedule.screen_connected(self.now_s)

    def fail(self, name: str) -> None:
        """The screen cannot show what was prepared last, which is this creative."""
        play = self.prepared[-1]
        assert play.choice.creative.id == name
        self.schedule.screen_failed(play.play_id, "broken", self.now_s)

    def show(self) -> Play:
        """The screen replaces what is on it by what was prepared last."""
        play = self.prepared[-1]
        current = self.schedule.current
        if current is not None:
            self.schedule.screen_ended(
                current.play_id, self.schedule.elapsed_s(self.now_s), self.now_s
            )
        self.schedule.screen_started(play.play_id, self.now_s)
        return play
