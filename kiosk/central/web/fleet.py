"""The state of the fleet as families of metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import Any

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from kiosk.central.reading import Device, read_fleet
from kiosk.central.store import tables
from kiosk.central.web.context import Web, hurry
from kiosk.errors import StateError

FRESH_S = 5.0
"""Asked again within this time, the answer is the same: whoever asks cannot load the database."""

LABELS = ("tenant", "site", "device")

MB = 1024 * 1024

Gauge = tuple[str, str, Callable[[Device], float | None]]


def _stamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _scaled(value: int | None, by: int) -> int | None:
    return None if value is None else value * by


def _seeing(device: Device) -> float | None:
    return None if device.row.vision is None else float(device.row.vision == "live")


def _clock_set(device: Device) -> float | None:
    return None if device.row.clock is None else float(device.row.clock == "set")


GAUGES: tuple[Gauge, ...] = (
    ("up", "whether anything is heard of the device", lambda d: float(d.online)),
    ("seen_timestamp_seconds", "when anything came of it last", lambda d: _stamp(d.row.seen)),
    ("last_hour_timestamp_seconds", "start of its newest hour", lambda d: _stamp(d.row.last_hour)),
    ("uptime_seconds", "since its start", lambda d: d.row.uptime_s),
    ("outbox_waiting_messages", "that the broker does not have", lambda d: d.row.waiting),
    (
        "outbox_unacknowledged_messages",
        "that head office has not committed",
        lambda d: d.row.unacknowledged,
    ),
    (
        "disk_free_bytes",
        "on the disk of its state file",
        lambda d: _scaled(d.row.disk_free_mb, MB),
    ),
    ("temperature_celsius", "of its hottest part", lambda d: d.row.temperature_c),
    ("clock_drift_seconds", "its clock ahead of head office's", lambda d: d.row.drift_s),
    ("clock_set", "whether a time service has set its clock", _clock_set),
    ("camera_live", "whether pictures come from its camera", _seeing),
    ("camera_dark", "whether its camera gives nothing but black", lambda d: float(d.row.dark)),
    ("peak_frames_per_second", "most since its start", lambda d: d.row.peak_fps),
    ("resting", "whether nobody is to be counted now", lambda d: float(d.row.resting)),
    ("screens", "pages that are connected", lambda d: d.row.screens),
    ("config_version", "configuration at work; 0: its own", lambda d: d.row.config_version),
    ("campaign_version", "campaign at work; 0: its own", lambda d: d.row.campaign_version),
)
"""What is told of each device; nothing where it has not said."""


class FleetCollector(Collector):
    """Asks the database when Prometheus asks us."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._lock = Lock()
        self._made: list[Metric] = []
        self._made_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Nothing: the database is not asked before somebody wants to know."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Every family, as of now or a few seconds ago."""
        with self._lock:
            now = self._web.clock.monotonic()
            if now - self._made_at >= FRESH_S:
                self._made, self._made_at = list(self._ask()), now
            return self._made

    def _ask(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("kiosk_database_up", "whether the database answers")
        try:
            with self._web.engine.connect() as connection:
                hurry(connection)
                found = [*self._fleet(connection), *_office(connection)]
        except (SQLAlchemyError, StateError):
            found = []
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        yield up
        yield from found

    def _fleet(self, connection: Connection) -> Iterator[Metric]:
        settings, now = self._web.settings.central.alerts, self._web.clock.utc()
        fleet = read_fleet(connection, settings, now)
        for name, about, value in GAUGES:
            yield _gauge(name, about, fleet, value)
        info = InfoMetricFamily("kiosk_device", "the version on it", labels=LABELS)
        alerts = GaugeMetricFamily(
            "kiosk_device_alert", "what is wrong with it, by kind", labels=(*LABELS, "kind")
        )
        for device in fleet:
            info.add_metric(_labels(device), {"version": device.version or ""})
            for kind in sorted({alert.kind for alert in device.alerts}):
                alerts.add_metric([*_labels(device), kind], 1)
        yield info
        yield alerts


def _gauge(
    name: str, about: str, fleet: Iterable[Device], value: Callable[[Device], float | None]
) -> Metric:
    family = GaugeMetricFamily(f"kiosk_device_{name}", about, labels=LABELS)
    for device in fleet:
        found = value(device)
        if found is not None:
            family.add_metric(_labels(device), found)
    return family


def _labels(device: Device) -> list[str]:
    return [device.tenant, device.site, device.name]


def _office(connection: Connection) -> Iterator[Metric]:
    workers, alerts = tables.workers, tables.alerts
    seen = GaugeMetricFamily(
        "kiosk_worker_seen_timestamp_seconds",
        "when a worker last committed or looked",
        labels=("worker",),
    )
    for row in connection.execute(select(workers.c.name, workers.c.seen)):
        seen.add_metric([row.name], row.seen.timestamp())
    yield seen
    office = GaugeMetricFamily(
        "kiosk_office_alert", "what is wrong with head office itself, by kind", labels=("kind",)
    )
    kinds = select(alerts.c.kind).where(alerts.c.device_id.is_(None), alerts.c.cleared.is_(None))
    for kind, number in sorted(Counter(connection.execute(kinds).scalars()).items()):
        office.add_metric([kind], number)
    yield office
    yield _single(
        "kiosk_marks_waiting",
        "hours whose sums are to be made again",
        connection.execute(select(func.count()).select_from(tables.marks)).scalar_one(),
    )
    waiting = tables.commands.c.outcome.is_(None) & tables.commands.c.sent.is_(None)
    count = select(func.count()).select_from(tables.commands).where(waiting)
    yield _single(
        "kiosk_commands_unsent",
        "commands that never went out",
        connection.execute(count).scalar_one(),
    )


def _single(name: str, about: str, value: Any) -> Metric:
    family = GaugeMetricFamily(name, about)
    family.add_metric([], value)
    return family
