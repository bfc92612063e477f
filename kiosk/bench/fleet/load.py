"""One hour of a fleet against a real broker, real workers and a real database."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kiosk.bench.fleet.bare import broker_rate, insert_rate
from kiosk.bench.fleet.checking import Check, Verdict
from kiosk.bench.fleet.children import processor_s
from kiosk.bench.fleet.devices import Task
from kiosk.bench.fleet.gang import Gang
from kiosk.bench.fleet.head import open_database
from kiosk.bench.fleet.office import Workers
from kiosk.bench.fleet.outboxes import MESSAGES
from kiosk.bench.fleet.places import Broker, Database
from kiosk.bench.fleet.plan import BenchPlan
from kiosk.config import Settings
from kiosk.errors import KioskError
from kiosk.simulate import Fleet, last_full_hour

log = logging.getLogger(__name__)

LOOK_S = 0.5
BARE_MAX = 20_000
"""Messages and rows by which broker and database are measured on their own."""

DUPLICATES = 0.02
DISORDER = 0.05
"""Share of messages that devices send twice, and of devices that send in any order."""

WINDOW_MAX, WINDOW_MIN, WINDOW_SHARE = 4000, 40, 20
"""Messages that are unacknowledged at once, that share of all within bounds; real devices send over
the whole hour."""

PATIENCE_S = 1.5
SLOW = 200
"""A device sends again after this and the time that a window takes at so many messages a second; in
shops it is `uplink.ack_timeout_s`, two minutes."""

DEVICES_PER_PROCESS = 2000
PROCESSES_MAX = 2
CONNECTIONS_MAX = 8000
"""Of all processes, unless more are asked for: one for each device up to there. The broker has to
be allowed as many open files."""

RESTART_S = 1.0
"""How long a killed worker, or the database, stays away."""

SLOWEST = 150
"""Messages a second below which a bench is given up."""

SETTLE_S = 120.0
"""Longest wait for the sums."""


@dataclass
class Load:
    """What came of it.

    Attributes:
        seconds: from the first connection until every device had every acknowledgement.
        processor_s: of each part in that time.
        told: what devices did, all together.
        events: what was done to the system, and when.
    """

    verdict: Verdict
    seconds: float
    processor_s: dict[str, float]
    told: dict[str, Any]
    peak_rss_mb: float
    rss_growth_mb: float | None
    settled_s: float
    broker_bare: float
    database_bare: float
    connections: int
    events: list[str] = field(default_factory=list)


def play_hour(
    settings: Settings,
    plan: BenchPlan,
    *,
    broker: Broker,
    database: Database,
    folder: Path,
    say: Callable[[str], None],
) -> Load:
    """Play it, and compare what arrived with what was sent.

    Raises:
        KioskError: something does not start, or not everything was delivered in time.
    """
    engine = open_database(settings.central)
    with engine.connect() as connection:
        if connection.execute(text("SELECT count(*) FROM devices")).scalar_one():
            raise KioskError(
                "the database holds devices already", hint="give --database an empty one"
            )
    say("measuring broker and database on their own")
    user = broker.devices
    number = min(BARE_MAX, plan.devices * MESSAGES)
    bare = broker_rate(broker.mqtt_port, number, *user), insert_rate(engine, number)
    fleet = Fleet(plan.devices, plan.seed, plan.sites)
    hour = busy_hour(fleet, datetime.now(UTC))
    with ExitStack() as stack:
        workers = Workers(settings, plan.workers, folder)
        stack.callback(workers.close)
        say(f"making the messages of {plan.devices} devices")
        tasks = _tasks(plan, broker, fleet, hour)
        gangs = [Gang(task, folder) for task in tasks]
        for gang in gangs:
            stack.callback(gang.close)
        _wait(lambda: all(gang.ready for gang in gangs), "devices are ready", 600)
        _wait(lambda: _at_work(engine, workers) >= plan.workers, "workers are at work", 60)
        say(f"{MESSAGES * plan.devices} messages and health, {plan.workers} workers")
        play = _Play(plan, gangs, workers, database, say)

        def spent() -> dict[str, float]:
            return {
                "ingest": workers.processor_s(),
                "broker": processor_s(broker.pid),
                "database": database.processor_s(),
                "devices": sum(processor_s(gang.pid) for gang in gangs),
            }

        before = spent()
        seconds = play.run()
        after = spent()
        say(f"delivered in {seconds:.1f} s; waiting for the sums")
        settled_s = _settle(engine)
        memory = workers.memory()
    say("comparing every cell")
    verdict = Check(engine, fleet, hour).run()
    engine.dispose()
    return Load(
        verdict=verdict,
        seconds=seconds,
        told=_together(gangs),
        peak_rss_mb=memory[0],
        rss_growth_mb=memory[1],
        settled_s=settled_s,
        broker_bare=bare[0],
        database_bare=bare[1],
        processor_s={name: round(after[name] - before[name], 1) for name in after},
        connections=sum(min(task.connections, plan.devices) for task in tasks),
        events=play.events,
    )


def busy_hour(fleet: Fleet, now: datetime) -> datetime:
    """The newest hour that is over and in which every shop was open."""
    hour = last_full_hour(now)
    while not all(fleet.is_open(device, hour) for device in range(min(fleet.devices, 400))):
        hour -= timedelta(hours=1)
    return hour


class _Play:
    """The hour itself, and what goes wrong in it."""

    def __init__(
        self,
        plan: BenchPlan,
        gangs: list[Gang],
        workers: Workers,
        database: Database,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._gangs = gangs
        self._workers = workers
        self._database = database
        self._say = say
        self.events: list[str] = []

    def run(self) -> float:
        """Until everything is delivered; returns the seconds."""
        total = self._plan.devices * MESSAGES
        limit_s = 90 + total / SLOWEST
        troubles = self._troubles() if self._plan.troubles else iter(())
        due, cause = next(troubles, (2.0, None))
        began = time.monotonic()
        for gang in self._gangs:
            gang.go()
        while not all(gang.finished for gang in self._gangs):
            at_s = time.monotonic() - began
            done = _together(self._gangs).get("acknowledged", 0)
            if at_s > limit_s:
                raise KioskError(
                    f"{done} of {total} messages were delivered in {at_s:.0f} s;"
                    f" the workers said: {self._workers.logs[-2000:]}"
                )
            if cause is not None and done >= due * total:
                self.events.append(f"{at_s:.1f} s, {done} delivered: {cause()}")
                self._say(self.events[-1])
                due, cause = next(troubles, (2.0, None))
            time.sleep(LOOK_S if total > 20_000 else LOOK_S / 10)
        return time.monotonic() - began

    def _troubles(self) -> Iterator[tuple[float, Callable[[], str] | None]]:
        yield 0.15, self._storm
        yield 0.30, self._kill_worker
        yield 0.50, self._restart_database
        yield 0.70, self._storm

    def _storm(self) -> str:
        for gang in self._gangs:
            gang.storm()
        return "every connection dropped at once"

    def _kill_worker(self) -> str:
        self._workers.kill(self._plan.workers)
        time.sleep(RESTART_S)
        self._workers.start(self._plan.workers)
        return f"worker {self._plan.workers} killed, and started again after {RESTART_S:g} s"

    def _restart_database(self) -> str:
        return self._database.disturb(RESTART_S)


def _tasks(plan: BenchPlan, broker: Broker, fleet: Fleet, hour: datetime) -> list[Task]:
    number = 1 if plan.devices < DEVICES_PER_PROCESS else PROCESSES_MAX
    wanted = plan.connections or min(plan.devices, CONNECTIONS_MAX)
    username, password = broker.devices
    window = plan.devices * MESSAGES // WINDOW_SHARE
    window = min(max(window, WINDOW_MIN), WINDOW_MAX)
    return [
        Task(
            host="127.0.0.1",
            port=broker.mqtt_port,
            devices=plan.devices,
            sites=fleet.sites,
            seed=plan.seed,
            hour=hour.isoformat(),
            first=first,
            step=number,
            connections=-(-wanted // number),
            window=window // number,
            patience_s=PATIENCE_S + window / SLOW,
            duplicates=DUPLICATES,
            disorder=DISORDER,
            health=True,
            username=username,
            password=password,
        )
        for first in range(number)
    ]


def _together(gangs: list[Gang]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for gang in gangs:
        for name, value in gang.said.items():
            found[name] = found.get(name, 0) + value
    return found


def _at_work(engine: Engine, workers: Workers) -> int:
    if workers.dead():
        raise KioskError(f"an ingest worker has ended: {workers.logs[-2000:]}")
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM workers")).scalar_one())


def _settle(engine: Engine) -> float:
    """Wait until no hour's sums are left to be made; returns the seconds."""
    began = time.monotonic()

    def none_left() -> bool:
        try:
            with engine.connect() as connection:
                return not connection.execute(text("SELECT count(*) FROM marks")).scalar_one()
        except (SQLAlchemyError, sqlite3.Error):
            return False

    _wait(none_left, "the workers have made the sums", SETTLE_S)
    return time.monotonic() - began


def _wait(holds: Callable[[], bool], what: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            raise KioskError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.1)
