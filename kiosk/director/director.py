"""The director's moving parts, joined: socket, choice, schedule, pages, state."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from kiosk.ads import HOUSE_CAMPAIGN, Decision
from kiosk.audience import Audience, OnScreen, Receiver, day_bounds
from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.director.campaigns import CampaignFile
from kiosk.director.choosing import Choosing
from kiosk.director.counting import Counting
from kiosk.director.duties import Duty
from kiosk.director.journal import Journal
from kiosk.director.orders import obey_orders
from kiosk.director.playing import Playing
from kiosk.director.snapshot import Facts, Snapshot
from kiosk.director.status import Status
from kiosk.errors import StateError
from kiosk.player import Media, Play, Schedule, Screens, WebServer, make_app, media_url
from kiosk.service import Heartbeat
from kiosk.state import PlayBook, read_health, write_health
from kiosk.vision import VisionRecord

log = logging.getLogger(__name__)

TICK_S = 0.05
HOUSEKEEPING_S = 1.0
HEALTH_S = 10.0


class Director:
    """Everything of the process but signals; runs in one event loop."""

    def __init__(self, settings: Settings, clock: Clock, heartbeat: Heartbeat) -> None:
        """Read the campaign."""
        self._settings = settings
        self._clock = clock
        self._heartbeat = heartbeat
        self._campaign = CampaignFile(settings.ads.campaign, settings.desired)
        self._journal = Journal(settings.state.path, clock)
        self._choosing = Choosing(
            settings, self._journal, clock, self._campaign.playing, utc=self._utc
        )
        self._playing = Playing(settings, self._journal, clock, self._choosing, self._utc)
        self._reasons = self._playing.reasons
        self._receiver = Receiver(
            settings.audience.socket,
            clock,
            self._record,
            self._vision_gone,
            settings.audience.stale_s,
        )
        self._media = Media(self._campaign.playing, settings.desired.folder)
        self._schedule = Schedule(
            settings.player,
            self._choose,
            lambda: secrets.token_hex(8),
            listener=self,
            refused=self._refused,
            version=media_url,
            playing=lambda: self._campaign.campaign.creatives,
        )
        self._facts = Facts()
        self._screens = Screens(
            events=self,
            campaign=lambda: self._campaign.campaign,
            notice=settings.player.notice,
            estimated=settings.seeing.attributes.estimate or (),
            snapshot=lambda: self._snapshot_maker().operator(),
            settings=settings.player,
            refused=self._media.refused,
            aiming_view=lambda: self._snapshot_maker().aiming(),
            now_s=clock.monotonic,
        )
        app = make_app(self._screens, self._media, self._status)
        self._web = WebServer(app, settings.player)
        self._counting: Counting | None = None
        self._counted_until_s: float | None = None
        self._decided_s = clock.monotonic()
        self._faults: set[str] = set()
        self._notice_shown = False
        self._peak_fps = 0.0
        self._began_s = clock.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Direct until ``stop`` is set.

        Nothing is written before everything that has to be ours alone is ours.

        Raises:
            PortInUseError: another program has the page's port.
            StateError: another director holds the state file, or the socket cannot be made.
        """
        aside: list[asyncio.Task[None]] = []
        try:
            await self._journal.open()
            self._web.claim()
            self._counting = await self._recall()
            await self._choosing.recall()
            await self._receiver.start()
            self._resume()
            await self._web.start()
            aside = [
                asyncio.create_task(self._loop_aside()),
                asyncio.create_task(self._media.watch()),
            ]
            await self._loop(stop)
        finally:
            self._heartbeat.stopping()
            for task in aside:
                task.cancel()
            await self._shut_down()

    async def _recall(self) -> Counting:
        before = None
        if self._journal.opened:
            before = await self._journal.read(lambda store: read_health(store, "director"))
        said = before[0] if before is not None else {}
        stopped_s = said.get("stopped_s")
        # The monotonic clock begins anew with each boot.
        if isinstance(stopped_s, (int, float)) and said.get("boot") == self._clock.boot:
            self._counted_until_s = stopped_s
        counting = Counting(
            self._settings,
            self._journal,
            self._clock,
            (lambda: self._clock.monotonic() - float(stopped_s or 0))
            if self._counted_until_s is not None
            else None,
            self._campaign.creative_ids,
        )
        await counting.settle()
        return counting

    def _resume(self) -> None:
        if self._settings.privacy.noise == "off":
            log.warning("event=noise_off: counts leave as they are, in each hour that is published")
        self._journal.write(lambda store: PlayBook(store).end_interrupted())
        self._write_health()

    async def _loop(self, stop: asyncio.Event) -> None:
        """What has to be in time."""
        duties = [
            Duty(0.0, self._play),
            Duty(HOUSEKEEPING_S, self._count),
            Duty(HEALTH_S, self._write_health),
            Duty(self._settings.player.plays_batch_s, self._playing.batch),
        ]
        while not stop.is_set():
            now_s = self._clock.monotonic()
            for duty in duties:
                if now_s >= duty.due_s:
                    duty.due_s = now_s + duty.every_s
                    self._survive(duty.work)
            try:
                await asyncio.wait_for(stop.wait(), TICK_S)
            except TimeoutError:
                continue

    async def _loop_aside(self) -> None:
        """What may wait for a slow disk, while the screen goes on."""
        reload_s = 0.0
        while True:
            now_s = self._clock.monotonic()
            try:
                await self._web.restart_if_failed()
                await self._counted.settle()
                await self._learn_facts()
                if await self._obey_orders() or now_s >= reload_s:
                    reload_s = now_s + self._settings.ads.reload_s
                    await self._reload_campaign()
            except Exception:  # noqa: BLE001 - it is told, and the screen goes on
                self._tell("aside")
            await asyncio.sleep(HOUSEKEEPING_S)

    def _survive(self, work: Callable[[], None]) -> None:
        """Do one duty; whatever is wrong with it, the others go on.

        The watchdog is fed by the duty of playing, so one that always fails there is not hidden.
        """
        try:
            work()
        except Exception:  # noqa: BLE001 - it is told, and the screen goes on
            self._tell(work.__name__)

    def _tell(self, duty: str) -> None:
        if duty not in self._faults:
            log.exception("event=director_fault duty=%s: it goes on, and says this once", duty)
        self._faults.add(duty)

    async def _shut_down(self) -> None:
        # First nothing comes in any more, so that nothing is counted after the last word.
        await self._web.stop()
        await self._receiver.stop()
        self._schedule.stop(self._clock.monotonic())
        if self._counting is not None:
            try:
                await self._counting.settle()
            except StateError as bad:
                log.error("event=state_read_failed reason=%s", bad)
            self._survive(self._counting.stop)
            self._choosing.save()
            self._survive(self._playing.batch)
            self._write_health(stopped=True)
            await self._counting.drain()
        await self._journal.close()

    def _play(self) -> None:
        now_s = self._clock.monotonic()
        self._screens.tick()
        self._schedule.tick(now_s)
        self._beat(now_s)

    def _count(self) -> None:
        self._counted.tick(notice=self._notice_shown)
        self._choosing.tick(clock_known=self._counted.clock_known)

    @property
    def _counted(self) -> Counting:
        if self._counting is None:
            raise StateError("the director has not begun")
        return self._counting

    def _utc(self) -> datetime:
        return self._counting.utc() if self._counting is not None else self._clock.utc()

    def _beat(self, now_s: float) -> None:
        """Feed the watchdog as long as decisions are made when they are due."""
        play = self._schedule.current
        patience_s = self._settings.player.load_timeout_s * 3
        patience_s += play.choice.creative.duration_s if play is not None else 0.0
        if now_s - self._decided_s <= patience_s:
            showing = play.choice.creative.id if play is not None else "nothing yet"
            self._heartbeat.progress(f"playing {showing}, {self._screens.count} screen(s)")

    # What vision says.

    def _record(self, record: VisionRecord) -> None:
        self._peak_fps = max(self._peak_fps, record.fps)
        if self._screens.aiming:
            # Whoever stands there is at work on the camera, and sees no advert.
            self._vision_gone()
            return
        play = self._schedule.current if self._schedule.presented else None
        shown = OnScreen(play.play_id, play.choice.creative.id) if play is not None else None
        self._counted.record(record, shown)
        self._choosing.record(record)

    def _vision_gone(self) -> None:
        self._choosing.vision_lost()
        if self._counting is not None:
            self._counting.vision_lost()

    def _audience(self) -> Audience:
        return Audience.of(
            self._receiver.latest,
            self._receiver.age_s(),
            self._settings.audience.stale_s,
            self._settings.ads.min_dwell_s,
            connected=self._receiver.connected,
        )

    # What comes next.

    def _choose(self, broken: Mapping[str, str]) -> Decision | None:
        self._decided_s = self._clock.monotonic()
        found = self._choosing.choose(self._campaign.campaign, self._audience(), broken)
        if found is not None and found.creative in HOUSE_CAMPAIGN.creatives:
            self._campaign.with_house()
        return found

    def _refused(self) -> dict[str, str]:
        """Creatives that must not be chosen, whatever else there is, and why."""
        media = {name: f"medium: {why}" for name, why in self._media.refused().items()}
        return self._campaign.not_of(self._screens.kinds) | media

    async def _reload_campaign(self) -> None:
        if await self._campaign.reload():
            self._screens.greet_again()

    async def _obey_orders(self) -> bool:
        """Whether the campaign is to be looked at now."""
        return "reload-campaign" in await obey_orders(self._journal, self._clock, self._identify)

    def _identify(self, left_s: float) -> None:
        device, most_s = self._settings.device, self._settings.desired.identify_s
        name = f"{device.tenant}/{device.site}/{device.name}"
        self._screens.identify(name, min(left_s, most_s))

    # What the schedule tells.

    def prepare(self, play: Play) -> None:
        """Have the screens decode what comes next."""
        self._screens.prepare(play)

    def started(self, play: Play, *, presented: bool) -> None:
        """Write a play at its first frame."""
        self._playing.started(play, presented=presented)
        if presented and self._counting is not None:
            self._counting.played(play.choice.creative.id)

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        """Write a play's end."""
        self._playing.ended(play, duration_s, completed=completed)

    # What the screens tell (their ScreenEvents); the schedule's clock is ours.

    def screen_connected(self) -> None:
        """A screen is there."""
        self._schedule.screen_connected(self._clock.monotonic())

    def screen_lost(self, *, broken: bool = False, silent_s: float = 0.0) -> None:
        """The screen is gone."""
        now_s = self._clock.monotonic()
        self._schedule.screen_lost(now_s, broken=broken, silent_s=silent_s)

    def notice_shown(self, shown: bool) -> None:
        """The screen says whether the notice stands on it."""
        if shown != self._notice_shown:
            log.info("event=notice shown=%s", shown)
        self._notice_shown = shown

    def screen_started(self, play_id: str) -> None:
        """A first frame was presented."""
        self._schedule.screen_started(play_id, self._clock.monotonic())

    def screen_ended(self, play_id: str, shown_s: float) -> None:
        """A play was replaced."""
        self._schedule.screen_ended(play_id, shown_s, self._clock.monotonic())

    def screen_failed(self, play_id: str, why: str) -> None:
        """A play cannot be shown."""
        self._schedule.screen_failed(play_id, why, self._clock.monotonic())

    # What is written and shown.

    def _write_health(self, *, stopped: bool = False) -> None:
        if stopped:
            self._counted_until_s = self._clock.monotonic()
        elif not self._counted.sees_counted:
            self._counted_until_s = None
        data = {
            **self._snapshot_maker().health(stopped=stopped),
            "stopped_s": self._counted_until_s,
            "boot": self._clock.boot,
        }
        at = iso(self._clock.utc())
        self._journal.write(partial(write_health, part="director", data=data, at=at), "health")

    async def _learn_facts(self) -> None:
        try:
            since, _ = day_bounds(self._counted.utc(), self._settings.device.timezone)
            self._facts = await self._journal.read(partial(Facts.read, since=since))
        except StateError as bad:
            log.debug("event=state_unreadable reason=%s", bad)

    def _snapshot_maker(self) -> Snapshot:
        return Snapshot(
            settings=self._settings,
            now=self._utc(),
            audience=self._audience(),
            record=self._receiver.latest,
            play=self._schedule.current,
            elapsed_s=self._schedule.elapsed_s(self._clock.monotonic()),
            presented=self._schedule.presented,
            screens=self._screens.count,
            counting=self._counting,
            facts=self._facts,
            reasons=self._reasons,
            peak_fps=self._peak_fps,
            notice_shown=self._notice_shown,
            left_out=self._schedule.left_out_now(self._clock.monotonic()),
        )

    def _status(self) -> dict[str, object]:
        return Status(
            settings=self._settings,
            now=self._clock.utc(),
            now_s=self._clock.monotonic(),
            began_s=self._began_s,
            audience=self._audience(),
            pages=self._screens.count,
            main=self._screens.main,
            beat_age_s=self._screens.beat_age_s,
            presented=self._playing.presented,
            aiming=self._screens.aiming,
        ).as_dict()
