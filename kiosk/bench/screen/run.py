"""The player's own schedule and page against a display, play after play."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from kiosk.ads import Campaign, Creative, Decision
from kiosk.bench.screen.backends import BACKENDS, Backend
from kiosk.bench.screen.creatives import make_campaign
from kiosk.bench.screen.display import Framebuffer, display
from kiosk.bench.screen.watching import Seen, Watcher, is_black
from kiosk.config import NoticeSettings, PlayerSettings
from kiosk.errors import ConfigError, KioskError
from kiosk.player import Media, Play, Schedule, Screens, WebServer, make_app

NAIVE = Path(__file__).parent / "naive.html"
TICK_S = 0.05
FIRST_PLAY_S = 60.0
LATE_S = 5.0
"""A play that begins this much after its time was missed."""

MEMORY_EVERY_PLAYS = 5
WARM_UP_SHARE = 0.1
WARM_UP_PLAYS = 21
"""Each creative has played three times: caches and pools of the browser have their size."""


@dataclass(frozen=True)
class ScreenPlan:
    """What is measured.

    Attributes:
        plays: of our page.
        baseline_plays: of the page that sets a source on one element; 0: none.
        duration_s: of each play.
        transition_ms: of our page.
    """

    plays: int = 200
    baseline_plays: int = 40
    duration_s: float = 2.0
    transition_ms: int = PlayerSettings().transition_ms
    width: int = 1920
    height: int = 1080
    backend: str = "chromium"


@dataclass(frozen=True)
class ScreenResult:
    """Figures of one run.

    Attributes:
        plays: that were confirmed as presented.
        missed: of them, those whose beginning the display never showed.
        failed: that the screen said it could not show.
        black_frames: looks at the display that found it black, from the first play to the last.
        samples, fps: looks, and looks per second.
        start_jitter_p50_ms, start_jitter_p95_ms, start_jitter_max_ms: how far from its due time the
            display began to show a play.
        memory_mb, memory_growth_mb: of all processes of the backend at the end, and how much more
            than after the warm-up.
        cpu_share: processor time per second, 1 is one core.
    """

    plays: int
    missed: int
    failed: int
    black_frames: int
    samples: int
    fps: float
    start_jitter_p50_ms: float | None
    start_jitter_p95_ms: float | None
    start_jitter_max_ms: float | None
    memory_mb: float
    memory_growth_mb: float
    cpu_share: float


@dataclass
class _Desk:
    """The director's part: chooses in turn, and writes down what the screen confirms."""

    campaign: Campaign
    settings: PlayerSettings
    due_s: list[float] = field(default_factory=list)
    presented: int = 0
    failed: int = 0
    connected: bool = False

    def __post_init__(self) -> None:
        turns = cycle(self.campaign.creatives)

        def choose(_: Mapping[str, str]) -> Decision:
            fit = (one for one in turns if one.kind in self.screens.kinds)
            creative: Creative = next(fit)
            return Decision(creative, self.campaign.name, "rotation: bench", "In turn.")

        self.schedule = Schedule(self.settings, choose, lambda: secrets.token_hex(8), listener=self)
        self.media = Media(lambda: [self.campaign])
        self.screens = Screens(
            self,
            lambda: self.campaign,
            NoticeSettings(show=False),
            dict,
            (),
            settings=self.settings,
        )

    def prepare(self, play: Play) -> None:
        """Of the schedule."""
        self.screens.prepare(play)

    def started(self, play: Play, *, presented: bool) -> None:
        """Of the schedule."""
        if presented:
            self.presented += 1
            self.due_s.append(play.due_s)

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        """Of the schedule."""

    def screen_connected(self) -> None:
        """Of the screens."""
        self.connected = True
        self.schedule.screen_connected(time.monotonic())

    def screen_lost(self, *, broken: bool = False, silent_s: float = 0.0) -> None:
        """Of the screens."""
        self.connected = False
        self.schedule.screen_lost(time.monotonic(), broken=broken, silent_s=silent_s)

    def screen_started(self, play_id: str) -> None:
        """Of the screens."""
        self.schedule.screen_started(play_id, time.monotonic())

    def screen_ended(self, play_id: str, shown_s: float) -> None:
        """Of the screens."""
        self.schedule.screen_ended(play_id, shown_s, time.monotonic())

    def screen_failed(self, play_id: str, why: str) -> None:
        """Of the screens."""
        self.failed += 1
        self.schedule.screen_failed(play_id, why, time.monotonic())

    def notice_shown(self, shown: bool) -> None:
        """Of the screens."""


def run_screen_bench(plan: ScreenPlan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure our page, then the baseline.

    Raises:
        ConfigError: there is no such backend.
        KioskError: a program is missing, or the screen shows nothing.
    """
    if plan.backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise ConfigError(f"--backend {plan.backend}: one of {known} is expected")
    with tempfile.TemporaryDirectory(prefix="kiosk-bench-") as folder:
        media = Path(folder) / "media"
        media.mkdir()
        say("making the creatives")
        campaign = make_campaign(media, plan.duration_s)
        say(f"{plan.plays} plays of {plan.duration_s:g} s on {plan.backend}")
        ours = _measure(plan, campaign, Path(folder), "/screen", plan.plays)
        baseline = None
        if plan.baseline_plays and plan.backend == "chromium":
            say(f"{plan.baseline_plays} plays on the page with one element")
            baseline = _measure(plan, campaign, Path(folder), "/naive", plan.baseline_plays)
    return {
        "backend": plan.backend,
        "screen": f"{plan.width}x{plan.height}",
        "duration_s": plan.duration_s,
        "transition_ms": plan.transition_ms,
        **asdict(ours),
        "baseline": asdict(baseline) if baseline is not None else None,
    }


def _measure(
    plan: ScreenPlan, campaign: Campaign, folder: Path, page: str, plays: int
) -> ScreenResult:
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    backend = BACKENDS[plan.backend](scratch)
    with display(plan.width, plan.height) as (name, framebuffer):
        return asyncio.run(_Run(plan, campaign, backend, name, framebuffer).measure(page, plays))


@dataclass(frozen=True)
class _Run:
    plan: ScreenPlan
    campaign: Campaign
    backend: Backend
    display: str
    framebuffer: Framebuffer

    async def measure(self, page: str, plays: int) -> ScreenResult:
        """Serve a page, have the backend show it, and look at the display meanwhile."""
        settings = PlayerSettings(port=0, transition_ms=self.plan.transition_ms)
        desk = _Desk(self.campaign, settings)
        app: Starlette = make_app(desk.screens, desk.media, dict)
        app.router.routes.insert(0, Route("/naive", lambda _: FileResponse(NAIVE)))
        server = WebServer(app, settings)
        await server.start()
        try:
            url = f"http://127.0.0.1:{server.port}{page}"
            self.backend.start(self.display, (self.plan.width, self.plan.height), url)
            return await self._watch(desk, plays)
        finally:
            self.backend.end()
            await server.stop()

    async def _watch(self, desk: _Desk, plays: int) -> ScreenResult:
        await _until(desk, lambda: desk.presented > 0, FIRST_PLAY_S, "a first play")
        await _until(desk, lambda: not is_black(self.framebuffer.pixels), LATE_S, "a picture")
        watcher = Watcher(self.framebuffer)
        watcher.start()
        began_s, cpu_s = time.monotonic(), self.backend.cpu_s()
        try:
            memory = await self._follow(desk, plays)
        finally:
            seen = watcher.stop()
        cpu_share = (self.backend.cpu_s() - cpu_s) / (time.monotonic() - began_s)
        return _result(desk, seen, memory, cpu_share)

    async def _follow(self, desk: _Desk, plays: int) -> list[tuple[int, float]]:
        """Until the last play; (plays so far, megabytes) now and then."""
        memory: list[tuple[int, float]] = []
        patience_s = MEMORY_EVERY_PLAYS * (self.plan.duration_s + LATE_S)
        while desk.presented < plays:
            reached = min(desk.presented + MEMORY_EVERY_PLAYS, plays)
            await _until(desk, partial(_reached, desk, reached), patience_s, f"play {reached}")
            memory.append((desk.presented, await asyncio.to_thread(self.backend.memory_mb)))
        await asyncio.sleep(self.plan.duration_s / 2)
        return memory


def _reached(desk: _Desk, plays: int) -> bool:
    return desk.presented >= plays


async def _until(desk: _Desk, condition: Callable[[], bool], within_s: float, what: str) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            raise KioskError(
                f"the screen does not show {what} within {within_s:g} s"
                f" ({desk.presented} plays, {desk.failed} failed)"
            )
        desk.schedule.tick(time.monotonic())
        await asyncio.sleep(TICK_S)


def _result(
    desk: _Desk, seen: Seen, memory: list[tuple[int, float]], cpu_share: float
) -> ScreenResult:
    # The first play had no time at which it was due.
    due_s = desk.due_s[1:]
    starts = seen.starts(due_s, LATE_S)
    late_ms = sorted(
        abs(start - due) * 1000
        for start, due in zip(starts, due_s, strict=True)
        if start is not None
    )
    taken_s = seen.times_s[-1] - seen.times_s[0] if len(seen.times_s) > 1 else 0.0
    return ScreenResult(
        plays=desk.presented,
        missed=sum(start is None for start in starts),
        failed=desk.failed,
        black_frames=len(seen.black_at_s),
        samples=len(seen.times_s),
        fps=round(len(seen.times_s) / taken_s, 1) if taken_s else 0.0,
        start_jitter_p50_ms=_quantile(late_ms, 0.5),
        start_jitter_p95_ms=_quantile(late_ms, 0.95),
        start_jitter_max_ms=_quantile(late_ms, 1.0),
        memory_mb=round(memory[-1][1], 1) if memory else 0.0,
        memory_growth_mb=_growth_mb(memory),
        cpu_share=round(cpu_share, 2),
    )


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def _growth_mb(memory: list[tuple[int, float]]) -> float:
    """Median of the last quarter of the readings less that of the first after the warm-up."""
    plays = memory[-1][0] if memory else 0
    warm_up = max(WARM_UP_PLAYS, plays * WARM_UP_SHARE)
    warm = [used for played, used in memory if played > warm_up]
    part = max(1, len(warm) // 4)
    if len(warm) < 2:
        return 0.0
    return round(statistics.median(warm[-part:]) - statistics.median(warm[:part]), 1)
