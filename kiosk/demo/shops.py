"""Other shops of the demo: simulated screens with two weeks behind them, which go on while it runs.

Their past is written as every message is, through head office's store; what happens from then on
comes over the broker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import SystemRandom

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.demo.head import Entry, add_user, open_database, write
from kiosk.errors import KioskError
from kiosk.simulate import PLAY_S, Fleet, last_full_hour
from kiosk.uplink import Incoming, Link, Publication, Session
from kiosk.wire import Hours, Payload

log = logging.getLogger(__name__)

DEVICES, SITES = 9, 3
SEED = 152
"""A fleet in which one camera is dark and one box is hot: something to look into."""

AWAY = 8
"""The device that nobody has heard of for a while."""

AWAY_FOR = timedelta(hours=5)

DAYS = 14
HOUR = timedelta(hours=1)
HEALTH_S = 10.0
PLAYS_S = 60
"""Plays leave each minute, as those of a real device do."""

TURN_S = 0.2

BOOKINGS = (("real-pockets", 1.05), ("aurora", 0.95), ("best-seat", 1.6))
"""What was sold: creatives, and how many plays beside what two weeks before and after will give."""

USER = "demo"


class OtherShops(threading.Thread):
    """Writes the past, then lives on; ends with :meth:`close`."""

    def __init__(
        self, settings: Settings, password: str, clock: Clock, *, days: int = DAYS
    ) -> None:
        """Nothing happens before :meth:`start`.

        Args:
            settings: of the demo, with its database and broker.
            password: of the user who may look at head office's pages.
            clock: the time.
            days: of the past.
        """
        super().__init__(name="other-shops", daemon=True)
        self._settings = settings
        self._password = password
        self._clock = clock
        self._days = days
        self._fleet = Fleet(DEVICES, SEED, SITES, tenant=settings.device.tenant)
        self._done = threading.Event()
        self._seq = {"hours": 0, "plays": 0}
        self._shown: Counter[str] = Counter()

    def run(self) -> None:
        """The past, then the present."""
        try:
            engine = open_database(self._settings.central)
            add_user(engine, USER, self._password, self._clock)
            self._write_past(engine)
            engine.dispose()
            self._live()
        except (KioskError, SQLAlchemyError, OSError) as bad:
            # The device's own show goes on without them.
            log.error('event=demo_shops_failed reason="%s": the simulated shops are not shown', bad)

    def close(self) -> None:
        """Stop, and wait for it."""
        self._done.set()
        if self.is_alive():
            self.join(10)

    # ---- the past --------------------------------------------------------------------------------

    def _write_past(self, engine: Engine) -> None:
        now = self._clock.utc()
        self._write(engine, list(self._states(now)))
        hour = (last_full_hour(now) - timedelta(days=self._days)).replace(hour=0)
        entries: list[Entry] = []
        while hour <= last_full_hour(now) and not self._done.is_set():
            self._seq["hours"] += 1
            entries += self._hours(hour, now)
            hour += HOUR
            if hour.hour == 0 or hour > last_full_hour(now):
                self._write(engine, entries)
                entries = []
        self._write(engine, list(self._states(self._clock.utc())))
        self._book(engine, now)

    def _hours(self, hour: datetime, now: datetime) -> Iterator[Entry]:
        devices = [device for device in range(DEVICES) if device != AWAY or hour < now - AWAY_FOR]
        numbers = [self._seq["hours"]] * len(devices)
        for device, payload in self._fleet.hours_encoded(devices, hour, numbers):
            hours = Hours.model_validate_json(payload)
            for name, _ in BOOKINGS:
                self._shown[name] += hours.tables.creatives[name].plays
            yield Entry(self._fleet.branch(device), hours, payload)

    def _states(self, now: datetime) -> Iterator[Entry]:
        for device in range(DEVICES):
            away = device == AWAY
            at = now - AWAY_FOR if away else now
            status = self._fleet.status(device, at, online=not away)
            # Of what the one that is away still holds nothing is known.
            health = self._fleet.health(
                device, at, hours_next=1 if away else self._seq["hours"] + 1
            )
            for content in (status, health):
                yield Entry(self._fleet.branch(device), content, content.encode())

    def _write(self, engine: Engine, entries: Sequence[Entry]) -> None:
        away = self._fleet.branch(AWAY)
        now = self._clock.utc()
        for late in (True, False):
            some = [entry for entry in entries if (entry.branch == away) == late]
            with engine.begin() as connection:
                write(connection, some, now - AWAY_FOR if late else now)

    def _book(self, engine: Engine, now: datetime) -> None:
        """Contracts, so that their delivery can be looked at."""
        around = timedelta(days=self._days)
        sold = text(
            'INSERT INTO bookings (creative_id, begin, "end", plays, note)'
            " SELECT id, :begin, :last, :plays, :note FROM creatives WHERE name = :name"
        )
        with engine.begin() as connection:
            for number, (name, factor) in enumerate(BOOKINGS, 1):
                order = {
                    "begin": str((now - around).date()),
                    "last": str((now + around).date()),
                    "plays": round(self._shown[name] * 2 * factor, -2),
                    "note": f"order {number}",
                    "name": name,
                }
                connection.execute(sold, order)

    # ---- the present -----------------------------------------------------------------------------

    def _live(self) -> None:
        session = Session(client_id="demo-shops", subscriptions=())
        link = Link(
            self._settings.broker,
            session,
            self,
            clock=self._clock,
            pause=time.sleep,
            random=SystemRandom(),
        )
        self._link = link
        health_at, told = 0.0, self._clock.utc()
        while not self._done.is_set():
            link.turn(TURN_S)
            self._done.wait(TURN_S)
            if not link.connected:
                continue
            now = self._clock.utc()
            if self._clock.monotonic() >= health_at:
                health_at = self._clock.monotonic() + HEALTH_S
                self._send_health(now)
            if int(now.timestamp()) // PLAYS_S != int(told.timestamp()) // PLAYS_S:
                self._send_plays(told, now)
                told = now
        link.close(None, 0)

    def on_connected(self) -> None:
        """Everybody but one is there."""
        now = self._clock.utc()
        for device in self._present():
            self._send(device, "status", self._fleet.status(device, now), retain=True)

    def on_lost(self) -> None:
        """It is tried again."""

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """Head office's word is enough for real devices; these forget at once."""

    def on_message(self, message: Incoming) -> None:
        """Nothing was asked for."""

    def _send_health(self, now: datetime) -> None:
        for device in self._present():
            health = self._fleet.health(
                device,
                now,
                hours_next=self._seq["hours"] + 1,
                plays_next=self._seq["plays"] + 1,
            )
            self._send(device, "up/health", health)

    def _send_plays(self, since: datetime, now: datetime) -> None:
        start = since.replace(second=0, microsecond=0)
        self._seq["plays"] += 1
        for device in self._present():
            if self._fleet.is_open(device, start.replace(minute=0)):
                count = PLAYS_S // PLAY_S
                plays = self._fleet.plays(device, start, self._seq["plays"], count)
                self._send(device, "up/plays", plays)
        if now.hour != since.hour:
            self._seq["hours"] += 1
            for device in self._present():
                hours = self._fleet.hours(device, last_full_hour(now), self._seq["hours"])
                self._send(device, "up/hours", hours)

    def _send(self, device: int, leaf: str, payload: Payload, *, retain: bool = False) -> None:
        topic = self._fleet.branch(device).topic(leaf)
        self._link.publish(Publication(topic, payload.encode(), retain=retain))

    def _present(self) -> list[int]:
        return [device for device in range(DEVICES) if device != AWAY]
