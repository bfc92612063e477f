"""A fleet's payloads: hours, plays, health and status of devices that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

import numpy as np

from kiosk.clock import iso
from kiosk.simulate.crowd import Audience, Crowds
from kiosk.simulate.draws import Floats, Integers, hashed, keys_of, uniforms
from kiosk.simulate.layout import hours_template
from kiosk.simulate.shops import (
    CREATIVES,
    DAY_PEAKS,
    KINDS,
    SCREEN_SHARE,
    WEEK,
    SimulatedCreative,
    screen_name,
    site_name,
)
from kiosk.wire import (
    Branch,
    DocumentHealth,
    Health,
    Hours,
    OutboxHealth,
    PlayProof,
    Plays,
    Status,
    StreamHealth,
    VisionHealth,
)

PLAY_S = 15
"""Seconds of one play; so an hour has 240 of them, twelve batches of twenty."""

PLAYS_PER_HOUR = 3600 // PLAY_S

BATCH = 20
"""Plays of one message, about what a device gathers in five minutes."""

VERSION = "0.1.0"
OLDER_VERSION = "0.0.9"
"""Of the few that were not updated."""

STARTS = tuple(f":{second // 60:02d}:{second % 60:02d}Z" for second in range(0, 3600, PLAY_S))
"""How the start of each play of an hour ends, as text."""

# What a number is drawn for, so that no two things share their luck.
PLACE, CROWD, PLAY, CELLS, ILLS, LIFE = range(6)

BLOCK = 256
"""Devices drawn together: their rows fit the processor's cache."""


class Fleet:
    """Devices in shops of several kinds; the same seed gives the same numbers.

    Nothing is kept between calls, so any hour of any device can be asked for, in any order.
    """

    def __init__(
        self,
        devices: int,
        seed: int = 1,
        sites: int | None = None,
        creatives: Sequence[SimulatedCreative] = CREATIVES,
        *,
        tenant: str = "demo",
        zone: tzinfo = UTC,
        campaign: str = "nordlys-demo",
    ) -> None:
        """Place the devices.

        Args:
            devices: how many.
            seed: of everything that is drawn.
            sites: how many shops they stand in, in turn; by default one for four devices.
            creatives: of the campaign that all of them play.
            tenant: the company.
            zone: where it is; shops open by its time.
            campaign: its name.
        """
        self.devices = devices
        self.sites = max(1, min(devices, sites if sites is not None else -(-devices // 4)))
        self.creatives = tuple(creatives)
        self._seed = seed
        self._tenant = tenant
        self._zone = zone
        self._campaign = campaign
        self._audience = Audience(self.creatives)
        self._template = hours_template([one.name for one in self.creatives])
        weights = np.array([one.weight for one in self.creatives])
        self._edges = np.cumsum(weights / weights.sum())
        lives = keys_of(self._seed, LIFE, np.arange(devices), 0) & np.uint64(0xFFFFFFFF)
        self._epochs = [f"{life:08x}" for life in lives.tolist()]
        self._place()
        self._chosen = lru_cache(maxsize=1024)(self._draw_plays)

    def branch(self, device: int) -> Branch:
        """Where a device stands in the topic tree."""
        return Branch(
            self._tenant,
            site_name(device % self.sites),
            screen_name(device // self.sites),
        )

    def epoch(self, device: int) -> str:
        """The life of its state file."""
        return self._epochs[device]

    def is_open(self, device: int, hour: datetime) -> bool:
        """Whether its shop is open in the hour that begins then; a closed one plays nothing."""
        return KINDS[int(self._kind[device])].is_open(hour.astimezone(self._zone))

    # ---- payloads --------------------------------------------------------------------------------

    def hours(self, device: int, hour: datetime, seq: int) -> Hours:
        """What a device publishes of an hour; in closed hours it is noise alone."""
        return Hours.model_validate_json(next(self.hours_encoded([device], hour, [seq]))[1])

    def hours_encoded(
        self, devices: Sequence[int], hour: datetime, seqs: Sequence[int]
    ) -> Iterator[tuple[int, bytes]]:
        """The same as bytes, device by device: thousands a second."""
        at = iso(hour)
        for begin in range(0, len(devices), BLOCK):
            some = list(devices[begin : begin + BLOCK])
            rows = self.rows(some, hour)
            for device, seq, row in zip(
                some, seqs[begin : begin + BLOCK], rows.tolist(), strict=True
            ):
                notice_s = 3600 if row[0] else 0
                text = self._template % (self.epoch(device), seq, at, notice_s, *row)
                yield device, text.encode()

    def rows(self, devices: Sequence[int], hour: datetime) -> Integers:
        """The numbers of an hour with their noise, a row for each device; see the layout."""
        moment = _hour_number(hour)
        keys = keys_of(self._seed, CELLS, devices, moment)
        return self._audience.noisy(
            self._crowds(devices, hour), self._plays_by_creative(devices, hour), keys
        )

    def exact_rows(self, devices: Sequence[int], hour: datetime) -> Integers:
        """The same before the noise; no device publishes them."""
        keys = keys_of(self._seed, CELLS, devices, _hour_number(hour))
        return self._audience.exact(
            self._crowds(devices, hour), self._plays_by_creative(devices, hour), keys
        )

    def plays(self, device: int, start: datetime, seq: int, count: int = BATCH) -> Plays:
        """A batch of plays, the first of which begins at ``start`` or in the seconds after it.

        Whoever asks takes care not to ask for closed hours.
        """
        first = -(-int(start.timestamp()) // PLAY_S)
        return Plays(
            epoch=self.epoch(device),
            seq=seq,
            plays=[self._proof(device, number) for number in range(first, first + count)],
        )

    def plays_encoded(self, device: int, start: datetime, seq: int, count: int = BATCH) -> bytes:
        """The same as bytes, without a model in between."""
        first = -(-int(start.timestamp()) // PLAY_S)
        ids = _play_ids(self._seed, device, first, count)
        whole = range(first // PLAYS_PER_HOUR, (first + count - 1) // PLAYS_PER_HOUR + 1)
        hours = {hour: iso(datetime.fromtimestamp(hour * 3600, UTC))[:13] for hour in whole}
        proofs = ",".join(
            f'{{"play_id":"{play_id:016x}","creative":"{self._creative(device, number)}",'
            f'"campaign":"{self._campaign}","contract":null,'
            f'"start":"{hours[number // PLAYS_PER_HOUR]}{STARTS[number % PLAYS_PER_HOUR]}",'
            f'"duration_s":{PLAY_S}.0,"completed":true,"presented":true}}'
            for number, play_id in zip(range(first, first + count), ids, strict=True)
        )
        return (
            f'{{"schema":2,"stream":"plays","epoch":"{self.epoch(device)}","seq":{seq},'
            f'"plays":[{proofs}]}}'
        ).encode()

    def health(
        self,
        device: int,
        at: datetime,
        *,
        hours_next: int = 1,
        plays_next: int = 1,
        waiting: int = 0,
        troubled: bool = True,
    ) -> Health:
        """How a device does.

        Args:
            device: which one.
            at: by its own clock.
            hours_next: number that its next hour will get.
            plays_next: number that its next batch of plays will get.
            waiting: messages that it could not send.
            troubled: some devices are hot, slow, dark or full, always the same ones.
        """
        quiet, luck = self._luck(device)
        ill = luck if troubled else 1.0
        minutes = int(at.timestamp()) // 60
        wobble = float(uniforms(keys_of(self._seed, ILLS, [device], minutes), 1)[0, 0])
        slow, dark, hot, full = (ill < bound for bound in (0.015, 0.03, 0.05, 0.065))
        return Health(
            at=at,
            version=VERSION,
            uptime_s=int(at.timestamp()) % (86_400 * 40) + 60,
            clock="set",
            vision=VisionHealth(
                state="live",
                peak_fps=3 if slow else 25 if quiet < 0.7 else 15,
                accelerator="CPU" if quiet < 0.6 else "GPU",
                dark=dark and not slow,
            ),
            resting=not self.is_open(device, at),
            screens=1,
            outbox=OutboxHealth(
                epoch=self.epoch(device),
                waiting=waiting,
                unacknowledged=0,
                kb=900 + int(quiet * 400) + waiting * 8,
                hours=StreamHealth(lowest=hours_next, next=hours_next),
                plays=StreamHealth(lowest=max(1, plays_next - waiting), next=plays_next),
            ),
            config=DocumentHealth(version=3),
            campaign=DocumentHealth(version=12, name=self._campaign),
            disk_free_mb=300 if full and not hot else 9_000 + int(quiet * 20_000),
            temperature_c=(88 if hot and not dark else 48) + int(quiet * 6 + wobble * 4),
        )

    def status(self, device: int, since: datetime, *, online: bool = True) -> Status:
        """Whether a device is connected."""
        late = self._luck(device)[0] < 0.06
        return Status(
            state="online" if online else "offline",
            version=OLDER_VERSION if late else VERSION,
            since=since,
        )

    # ---- what they are made from -----------------------------------------------------------------

    def _place(self) -> None:
        """What is the same of a shop, and of a screen, in every hour."""
        shops = np.arange(self.sites)
        drawn = uniforms(keys_of(self._seed, PLACE, shops, 0), 6)
        kinds = np.where(shops < 3, shops, np.floor(drawn[:, 0] * len(KINDS))).astype(np.int64)
        site = np.arange(self.devices) % self.sites
        screen = (np.arange(self.devices) // self.sites) % len(SCREEN_SHARE)
        own = uniforms(keys_of(self._seed, PLACE, np.arange(self.devices), 1), 2)
        self._kind = kinds[site]
        kind_passes = np.array([kind.passes for kind in KINDS])[kinds]
        level = kind_passes * np.exp(0.5 * (drawn[:, 1] - 0.5) * 2)
        self._passes = level[site] * np.array(SCREEN_SHARE)[screen] * (0.85 + 0.3 * own[:, 0])
        watching = np.array([kind.watching for kind in KINDS])[kinds] * (0.8 + 0.4 * drawn[:, 2])
        self._watching = watching[site] * (0.9 + 0.2 * own[:, 1])
        self._dwell = np.array([kind.dwell_s for kind in KINDS])[kinds][site]
        female = np.array([kind.female for kind in KINDS])[kinds] + 0.08 * (drawn[:, 3] - 0.5)
        self._female = female[site]
        ages = np.array([kind.ages for kind in KINDS], dtype=np.float64)[kinds]
        tilt = np.linspace(-1, 1, ages.shape[1])[None, :] * 0.5 * (drawn[:, 4] - 0.5)[:, None]
        ages = ages * np.exp(tilt)
        self._ages = (ages / ages.sum(axis=1, keepdims=True))[site]
        self._mood = (0.08 * (drawn[:, 5] - 0.5))[site]
        self._site = site

    def _crowds(self, devices: Sequence[int], hour: datetime) -> Crowds:
        index = np.asarray(devices)
        local = hour.astimezone(self._zone)
        days = local.date().toordinal()
        day_luck = uniforms(keys_of(self._seed, CROWD, self._site[index], days), 1)[:, 0]
        season = 1 + 0.12 * np.sin(2 * np.pi * (days - 80) / 365.25)
        busy = DAY_PEAKS[local.hour] * WEEK[local.weekday()] * season * (0.85 + 0.3 * day_luck)
        older = 0.25 * (15 - local.hour) / 8
        ages = self._ages[index] * np.exp(np.linspace(-1, 1, self._ages.shape[1]) * older)
        return Crowds(
            passes=self._passes[index] * busy,
            watching=self._watching[index],
            dwell_s=self._dwell[index],
            female=self._female[index],
            ages=ages / ages.sum(axis=1, keepdims=True),
            mood=self._mood[index] + (0.02 if local.weekday() >= 4 else 0.0),
        )

    def _plays_by_creative(self, devices: Sequence[int], hour: datetime) -> Integers:
        number = _hour_number(hour)
        local = hour.astimezone(self._zone)
        is_open = np.array([kind.is_open(local) for kind in KINDS])[self._kind[list(devices)]]
        picks = self._picks(devices, number)
        counts = np.zeros((len(picks), len(self.creatives)), dtype=np.int64)
        for creative in range(len(self.creatives)):
            counts[:, creative] = (picks == creative).sum(axis=1)
        shown: Integers = counts * is_open[:, None]
        return shown

    def _picks(self, devices: Sequence[int], hour_number: int) -> Integers:
        """The creative of each play of an hour, by device."""
        keys = keys_of(self._seed, PLAY, devices, hour_number)
        drawn = uniforms(keys, PLAYS_PER_HOUR)
        picks: Integers = np.minimum(
            np.searchsorted(self._edges, drawn.ravel()), len(self.creatives) - 1
        ).reshape(drawn.shape)
        return picks

    def _draw_plays(self, device: int, hour_number: int) -> tuple[int, ...]:
        return tuple(self._picks([device], hour_number)[0].tolist())

    def _creative(self, device: int, number: int) -> str:
        hour_number, place = divmod(number, PLAYS_PER_HOUR)
        return self.creatives[self._chosen(device, hour_number)[place]].name

    def _proof(self, device: int, number: int) -> PlayProof:
        return PlayProof(
            play_id=f"{_play_ids(self._seed, device, number, 1)[0]:016x}",
            creative=self._creative(device, number),
            campaign=self._campaign,
            contract=None,
            start=datetime.fromtimestamp(number * PLAY_S, UTC),
            duration_s=PLAY_S,
            completed=True,
            presented=True,
        )

    def _luck(self, device: int) -> tuple[float, float]:
        drawn: Floats = uniforms(keys_of(self._seed, ILLS, [device], 0), 2)
        return float(drawn[0, 0]), float(drawn[0, 1])


def _hour_number(hour: datetime) -> int:
    return int(hour.timestamp()) // 3600


def _play_ids(seed: int, device: int, first: int, count: int) -> list[int]:
    key = keys_of(seed, PLAY, [device], -1)
    numbers = np.arange(first, first + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        ids: list[int] = hashed(hashed(numbers) + key).tolist()
    return ids


def last_full_hour(now: datetime) -> datetime:
    """The start of the last hour that is over."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
