"""The pages about devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from kiosk.central.reading import (
    Device,
    find_scope,
    read_commands,
    read_device,
    read_hours,
    summarise,
)
from kiosk.central.web.pages import charts
from kiosk.central.web.pages.desk import At

router = APIRouter()

PAGE_ROWS = 100
"""Rows of one page of the list: more is slow to read and to draw."""

CHART_HOURS = 72

LONG_AGO = datetime.min.replace(tzinfo=UTC)

SORTS: dict[str, Callable[[Device], Any]] = {
    "trouble": lambda one: (
        {"bad": 0, "warn": 1, "good": 2}[one.severity],
        one.tenant,
        one.site,
        one.name,
    ),
    "name": lambda one: (one.tenant, one.site, one.name),
    "seen": lambda one: one.row.seen,
    "hour": lambda one: one.row.last_hour or LONG_AGO,
    "version": lambda one: one.version or "",
    "config": lambda one: one.row.config_version or 0,
    "campaign": lambda one: one.row.campaign_version or 0,
    "fps": lambda one: -1 if one.row.peak_fps is None else one.row.peak_fps,
    "temperature": lambda one: -1000 if one.row.temperature_c is None else one.row.temperature_c,
    "outbox": lambda one: one.row.unacknowledged or 0,
    "clock": lambda one: abs(one.row.drift_s or 0),
}

COMMANDS = (
    ("ping", "Ping", "It answers with its version and how long it runs."),
    ("identify", "Identify", "Its screen shows its name, large, for a while."),
    ("reload-campaign", "Reload campaign", "It looks at its campaign file at once."),
    ("diagnose", "Diagnose", "It sends its figures and last warnings; never a picture."),
    ("rotate-certificate", "New certificate", "It makes a new key and asks for a certificate."),
)
"""Orders that are harmless; restarting asks first."""

PROCESSES = ("vision", "director", "uplink", "all")


class Wanted(BaseModel):
    """Which devices are to be listed, and how: the query of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Annotated[str, Field(max_length=100)] = ""
    site: Annotated[str, Field(max_length=140)] = ""
    state: Literal["", "online", "silent", "trouble"] = ""
    alert: Annotated[str, Field(max_length=40)] = ""
    sort: Annotated[str, Field(max_length=20)] = "trouble"
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    def link(self, **changes: str | int) -> str:
        """The list with some of it changed; from its first page, unless that is what changes."""
        changed = self.model_copy(update={"page": 1, **changes})
        query = changed.model_dump(exclude_defaults=True)
        return f"/devices?{urlencode(query)}" if query else "/devices"


@router.get("/devices")
def devices(desk: At, asked: Annotated[Wanted, Query()]) -> Response:
    """Every device and how it does."""
    fleet = desk.fleet()
    found = select(fleet, asked)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    number = min(asked.page, pages)
    return desk.show(
        "devices.html",
        asked=asked,
        shown=found[(number - 1) * PAGE_ROWS : number * PAGE_ROWS],
        found=len(found),
        pages=pages,
        number=number,
        summary=summarise(fleet),
        sites=sorted({f"{one.tenant}/{one.site}" for one in fleet}),
        sorts=SORTS,
    )


def select(fleet: Sequence[Device], asked: Wanted) -> list[Device]:
    """The devices that are wanted, in the order that is wanted."""
    words = asked.q.casefold().split()
    found = [one for one in fleet if _fits(one, asked, words)]
    name = asked.sort.removeprefix("-")
    found.sort(key=SORTS.get(name, SORTS["trouble"]), reverse=asked.sort.startswith("-"))
    return found


def _fits(one: Device, asked: Wanted, words: Sequence[str]) -> bool:
    place = f"{one.tenant}/{one.site}"
    if asked.site and place != asked.site:
        return False
    if asked.alert and all(alert.kind != asked.alert for alert in one.alerts):
        return False
    if asked.state == "trouble" and not one.alerts:
        return False
    if asked.state in ("online", "silent") and one.online != (asked.state == "online"):
        return False
    text = f"{place}/{one.name} {one.version or ''} {one.row.campaign}".casefold()
    return all(word in text for word in words)


@router.get("/devices/{tenant}/{site}/{name}")
def device(desk: At, tenant: str, site: str, name: str) -> Response:
    """One device: how it does, its last hours, and what it was told to do."""
    scope = find_scope(desk.connection, tenant, site, name)
    now, zone = desk.now, desk.zone
    told = (
        read_device(desk.connection, desk.web.settings.central.alerts, now, scope.device_id)
        if scope is not None and scope.device_id is not None
        else None
    )
    if told is None or scope is None:
        raise HTTPException(404, "there is no device of this name")
    hours = read_hours(desk.connection, scope, now - timedelta(hours=CHART_HOURS), now)
    return desk.show(
        "device.html",
        told=told,
        hours=hours,
        drawn={"hours": charts.moments(hours, zone, "ots", desk.fewer_than)},
        commands=read_commands(desk.connection, told.id),
        orders=COMMANDS,
        processes=PROCESSES,
    )
