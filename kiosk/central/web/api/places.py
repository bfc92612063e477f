"""Sites, devices and creatives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field
from sqlalchemy import func, select, tuple_

from kiosk.central.reading import Alert, Device, find_scope, read_device, read_fleet
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedDevice
from kiosk.central.web.api.terms import (
    Answer,
    Cursor,
    Limit,
    MaybeName,
    Page,
    cursor_of,
    cut,
    place_of,
)
from kiosk.central.web.context import Here, Reading

router = APIRouter(tags=["places"])

Tenant = Annotated[MaybeName, Query(description="only of this one")]


class Site(Answer):
    """A shop."""

    tenant: str
    site: str
    devices: int


class AlertOut(Answer):
    """Something about a device that wants a hand."""

    kind: str
    severity: str = Field(description="bad: it does not do its work; warn: it soon may not")
    sentence: str
    since: datetime | None


class DeviceOut(Answer):
    """A device and how it does."""

    tenant: str
    site: str
    device: str
    online: bool
    seen: datetime = Field(description="when anything came last")
    first_seen: datetime
    version: str | None
    last_hour: datetime | None = Field(description="its newest hour")
    drift_s: float | None = Field(description="its clock ahead of ours")
    config_version: int | None
    campaign_version: int | None
    alerts: list[AlertOut]


class WholeDevice(DeviceOut):
    """A device with all it said."""

    health: Mapping[str, Any] = Field(description="its last health payload, as it came")
    health_at: datetime | None = Field(description="when that was made, by its own clock")


class CreativeOut(Answer):
    """An advert."""

    id: int
    tenant: str
    name: str


@router.get("/sites")
def list_sites(
    connection: Reading, tenant: Tenant = "", limit: Limit = 100, cursor: Cursor = None
) -> Page[Site]:
    """Every site, by name."""
    sites, devices = tables.sites, tables.devices
    wanted = (
        select(sites.c.id, sites.c.tenant, sites.c.site, func.count(devices.c.id).label("devices"))
        .select_from(sites.outerjoin(devices, devices.c.site_id == sites.c.id))
        .group_by(sites.c.id, sites.c.tenant, sites.c.site)
        .order_by(sites.c.tenant, sites.c.site)
        .limit(limit + 1)
    )
    if tenant:
        wanted = wanted.where(sites.c.tenant == tenant)
    after = place_of(cursor, str, str)
    if after is not None:
        wanted = wanted.where(tuple_(sites.c.tenant, sites.c.site) > after)
    rows, following = cut(
        connection.execute(wanted).all(), limit, lambda row: (row.tenant, row.site)
    )
    return Page(items=[Site.model_validate(row) for row in rows], next=following)


@router.get("/devices")
def list_devices(
    *,
    web: Here,
    connection: Reading,
    tenant: Tenant = "",
    site: Annotated[MaybeName, Query(description="only of this one; needs tenant")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DeviceOut]:
    """Every device with what is wrong with it, by name."""
    site_id = _site_id(connection, tenant, site)
    fleet = read_fleet(connection, web.settings.central.alerts, web.clock.utc(), site_id)
    found = [one for one in fleet if not tenant or one.tenant == tenant]
    after = place_of(cursor, int)
    if after is not None:
        ids = [one.id for one in found]
        if after[0] not in ids:
            raise HTTPException(422, "cursor: it does not belong to this question")
        found = found[ids.index(after[0]) + 1 :]
    page = found[:limit]
    following = cursor_of((page[-1].id,)) if len(found) > limit else None
    return Page(items=[DeviceOut(**_told(one)) for one in page], next=following)


@router.get("/devices/{tenant}/{site}/{device}")
def show_device(web: Here, connection: Reading, device_id: AskedDevice) -> WholeDevice:
    """One device, with its last health payload."""
    one = read_device(connection, web.settings.central.alerts, web.clock.utc(), device_id)
    if one is None:
        raise HTTPException(404, "there is no such device")
    return WholeDevice(**_told(one), health=one.health, health_at=one.row.health_at)


@router.get("/creatives")
def list_creatives(
    connection: Reading, tenant: Tenant = "", limit: Limit = 100, cursor: Cursor = None
) -> Page[CreativeOut]:
    """Every creative that ever played, in the order in which head office heard of them."""
    creatives = tables.creatives
    wanted = select(creatives).order_by(creatives.c.id).limit(limit + 1)
    if tenant:
        wanted = wanted.where(creatives.c.tenant == tenant)
    after = place_of(cursor, int)
    if after is not None:
        wanted = wanted.where(creatives.c.id > after[0])
    rows, following = cut(connection.execute(wanted).all(), limit, lambda row: (row.id,))
    return Page(items=[CreativeOut.model_validate(row) for row in rows], next=following)


def _site_id(connection: Reading, tenant: str, site: str) -> int | None:
    if not site:
        return None
    if not tenant:
        raise HTTPException(422, "site: needs tenant")
    scope = find_scope(connection, tenant, site)
    if scope is None:
        raise HTTPException(404, f"there is no {tenant}/{site}")
    return scope.site_id


def _told(one: Device) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "site": one.site,
        "device": one.name,
        "online": one.online,
        "seen": one.row.seen,
        "first_seen": one.first_seen,
        "version": one.version,
        "last_hour": one.row.last_hour,
        "drift_s": one.row.drift_s,
        "config_version": one.row.config_version,
        "campaign_version": one.row.campaign_version,
        "alerts": [_alert(alert) for alert in one.alerts],
    }


def _alert(alert: Alert) -> AlertOut:
    return AlertOut.model_validate(alert)
