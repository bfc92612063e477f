"""The devices: how each does, and what it was told to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select, true

from kiosk.central.reading.alerts import Alert, StateRow, alerts_of, is_silent
from kiosk.central.reading.places import Scope
from kiosk.central.store import tables
from kiosk.config import AlertSettings

MAX_COMMANDS = 50
"""Of a device's history, on its page."""

WARNINGS = frozenset({"payload_conflict", "payload_rejected", "numbers_given_up", "clock_ahead"})
"""Kinds of kept alerts that are about the past: nothing is missing now."""


@dataclass(frozen=True)
class Device:
    """A device and how it does.

    Attributes:
        id: its number in the database.
        site_id: that of its site.
        tenant: whose it is.
        site: where it stands.
        name: its own name there.
        version: of kiosk on it; None: not known.
        first_seen: when it was first heard of.
        online: something is heard of it.
        row: what it said of itself.
        alerts: what is wrong, worst first.
        health: its last health payload as it came, for a page of its own; empty in lists.
    """

    id: int
    site_id: int
    tenant: str
    site: str
    name: str
    version: str | None
    first_seen: datetime
    online: bool
    row: StateRow
    alerts: tuple[Alert, ...]
    health: Mapping[str, Any]

    @property
    def scope(self) -> Scope:
        """What its figures are asked by."""
        return Scope(self.site_id, self.id, self.tenant, self.site, self.name)

    @property
    def severity(self) -> str:
        """The worst of its alerts: bad, warn, or good without any."""
        return self.alerts[0].severity if self.alerts else "good"


@dataclass(frozen=True)
class FleetSummary:
    """How the fleet does.

    Attributes:
        devices: how many there are.
        online: how many of them are heard of.
        bad: how many do not do their work.
        warn: how many soon may not.
        kinds: how many devices have an alert of each kind, most first.
    """

    devices: int
    online: int
    bad: int
    warn: int
    kinds: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Command:
    """A command that a device was given.

    Attributes:
        id: as on the wire.
        name: what to do.
        args: with what.
        by: who ordered it.
        issued: when.
        expires_at: until when the device may still do it.
        sent: when the broker had it.
        outcome: of the reply; None: no reply yet.
        detail: the reply's sentence.
        replied: when the reply came.
        data: figures of the reply.
        lines: the device's last warnings, of a diagnosis.
    """

    id: str
    name: str
    args: Mapping[str, str]
    by: str
    issued: datetime
    expires_at: datetime
    sent: datetime | None
    outcome: str | None
    detail: str
    replied: datetime | None
    data: Mapping[str, Any]
    lines: tuple[str, ...]


def read_fleet(
    connection: Connection, settings: AlertSettings, now: datetime, site_id: int | None = None
) -> tuple[Device, ...]:
    """Every device, or those of a site, by name.

    Args:
        connection: to the database.
        settings: from when on a device is in trouble.
        now: the time.
        site_id: only those of this site.
    """
    where = true() if site_id is None else tables.devices.c.site_id == site_id
    kept = _kept_alerts(connection, where)
    query = _devices().where(where).order_by("tenant", "site", "name")
    rows = connection.execute(query).mappings()
    return tuple(_device(row, kept.get(row["id"], ()), settings, now) for row in rows)


def read_device(
    connection: Connection, settings: AlertSettings, now: datetime, device_id: int
) -> Device | None:
    """One device, with its health as it came; None: there is none of that number."""
    where = tables.devices.c.id == device_id
    row = connection.execute(_devices().where(where)).mappings().first()
    if row is None:
        return None
    kept = _kept_alerts(connection, where)
    return _device(row, kept.get(device_id, ()), settings, now, whole=True)


def summarise(fleet: tuple[Device, ...]) -> FleetSummary:
    """The fleet in a few numbers."""
    worst = Counter(device.severity for device in fleet)
    kinds = Counter(kind for device in fleet for kind in {alert.kind for alert in device.alerts})
    return FleetSummary(
        len(fleet),
        sum(device.online for device in fleet),
        worst["bad"],
        worst["warn"],
        tuple(kinds.most_common()),
    )


def read_commands(connection: Connection, device_id: int) -> tuple[Command, ...]:
    """The last commands of a device, the newest first."""
    commands = tables.commands
    rows = connection.execute(
        select(commands)
        .where(commands.c.device_id == device_id)
        .order_by(commands.c.issued.desc())
        .limit(MAX_COMMANDS)
    ).mappings()
    return tuple(_command(row) for row in rows)


def _devices() -> Select[Any]:
    sites, devices = tables.sites, tables.devices
    return select(devices, sites.c.tenant, sites.c.site).join_from(devices, sites)


def _kept_alerts(
    connection: Connection, where: ColumnElement[bool]
) -> dict[int, tuple[Alert, ...]]:
    alerts = tables.alerts
    rows = connection.execute(
        select(alerts.c.device_id, alerts.c.kind, alerts.c.sentence, alerts.c.since)
        .join_from(alerts, tables.devices, alerts.c.device_id == tables.devices.c.id)
        .where(and_(alerts.c.cleared.is_(None), where))
        .order_by(alerts.c.since)
    )
    found: dict[int, tuple[Alert, ...]] = {}
    for device_id, kind, sentence, since in rows:
        alert = Alert(kind, "warn" if kind in WARNINGS else "bad", sentence, since)
        found[device_id] = (*found.get(device_id, ()), alert)
    return found


def _device(
    row: Mapping[Any, Any],
    kept: tuple[Alert, ...],
    settings: AlertSettings,
    now: datetime,
    *,
    whole: bool = False,
) -> Device:
    health = json.loads(row["health"]) if row["health"] else {}
    state = _state(row, health)
    alerts = sorted((*alerts_of(state, settings, now), *kept), key=lambda alert: alert.severity)
    return Device(
        row["id"],
        row["site_id"],
        row["tenant"],
        row["site"],
        row["name"],
        row["version"],
        row["first_seen"],
        not is_silent(state, settings, now),
        state,
        tuple(alerts),
        health if whole else {},
    )


def _state(row: Mapping[Any, Any], health: Mapping[str, Any]) -> StateRow:
    """Health of an earlier schema has fewer keys."""
    vision, outbox = health.get("vision") or {}, health.get("outbox") or {}
    config, campaign = health.get("config") or {}, health.get("campaign") or {}
    refused = tuple(
        (kind, document["refused"], document.get("reason") or "")
        for kind, document in (("configuration", config), ("campaign", campaign))
        if document.get("refused") is not None
    )
    return StateRow(
        state=row["state"],
        since=row["since"],
        seen=row["seen"],
        last_hour=row["last_hour"],
        drift_s=row["drift_s"],
        health_at=row["health_at"],
        clock=health.get("clock"),
        vision=vision.get("state") or ("absent" if health else None),
        dark=bool(vision.get("dark")),
        peak_fps=vision.get("peak_fps"),
        resting=bool(health.get("resting")),
        screens=health.get("screens"),
        uptime_s=health.get("uptime_s"),
        temperature_c=health.get("temperature_c"),
        disk_free_mb=health.get("disk_free_mb"),
        waiting=outbox.get("waiting"),
        unacknowledged=outbox.get("unacknowledged"),
        config_version=config.get("version"),
        campaign_version=campaign.get("version"),
        campaign=campaign.get("name") or "",
        refused=refused,
    )


def _command(row: Mapping[Any, Any]) -> Command:
    reply = json.loads(row["reply"]) if row["reply"] else {}
    return Command(
        row["id"],
        row["name"],
        json.loads(row["args"]),
        row["by"],
        row["issued"],
        row["expires_at"],
        row["sent"],
        row["outcome"],
        reply.get("detail", ""),
        row["replied"],
        reply.get("data", {}),
        tuple(reply.get("lines", ())),
    )
