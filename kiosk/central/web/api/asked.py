"""What a question is about: which site or device, which days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, HTTPException, Query
from sqlalchemy import Connection, select

from kiosk.central.reading import Period, Scope, find_scope, named_period
from kiosk.central.store import tables
from kiosk.central.web.api.terms import Day, MaybeName, Name
from kiosk.central.web.context import Here, Reading, Web

MAX_DAYS = 400
"""Longest period of one question: a year, and what makes it whole weeks or months."""

PeriodName = Literal["today", "7d", "28d", "90d", "365d"]


def scope_asked(
    connection: Reading,
    tenant: Annotated[MaybeName, Query(description="empty: every one")] = "",
    site: Annotated[MaybeName, Query(description="empty: all of them together")] = "",
    device: Annotated[MaybeName, Query(description="empty: all of the site")] = "",
) -> Scope:
    """The site or device that is meant.

    Raises:
        HTTPException: 404, there is none of that name; 422, a part of the name is missing.
    """
    if bool(tenant) != bool(site) or (device and not site):
        raise HTTPException(422, "tenant and site go together, and device needs both")
    found = find_scope(connection, tenant, site, device)
    if found is None:
        name = "/".join(part for part in (tenant, site, device) if part)
        raise HTTPException(404, f"there is no {name}")
    return found


def period_asked(
    web: Here,
    period: Annotated[
        PeriodName, Query(description="days up to today, unless first and last are given")
    ] = "28d",
    first: Annotated[Day | None, Query(description="first day")] = None,
    last: Annotated[Day | None, Query(description="last day")] = None,
) -> Period:
    """The days that are meant, in central.timezone.

    Raises:
        HTTPException: 422, they are none, or too many.
    """
    zone = zone_of(web)
    if first is None and last is None:
        named = named_period(period, web.clock.utc(), zone)
        assert named is not None  # noqa: S101 - every name of PeriodName is known there
        return named
    if first is None or last is None:
        raise HTTPException(422, "first and last go together")
    return _between(first, last, zone)


def _between(first: date, last: date, zone: ZoneInfo) -> Period:
    if not timedelta() <= last - first < timedelta(days=MAX_DAYS):
        raise HTTPException(422, f"first to last: 1 to {MAX_DAYS} days are expected")
    return Period(first, last, zone)


def zone_of(web: Web) -> ZoneInfo:
    """The time zone whose days are meant."""
    return ZoneInfo(web.settings.central.timezone)


def device_id_of(connection: Connection, tenant: str, site: str, device: str) -> int:
    """The number of a device.

    Raises:
        HTTPException: 404, there is none of that name.
    """
    sites, devices = tables.sites, tables.devices
    found = connection.execute(
        select(devices.c.id)
        .join_from(devices, sites)
        .where(sites.c.tenant == tenant, sites.c.site == site, devices.c.name == device)
    ).scalar()
    if found is None:
        raise HTTPException(404, f"there is no device {tenant}/{site}/{device}")
    return int(found)


def device_in_path(connection: Reading, tenant: Name, site: Name, device: Name) -> int:
    """The number of the device that an address names."""
    return device_id_of(connection, tenant, site, device)


AskedScope = Annotated[Scope, Depends(scope_asked)]
AskedPeriod = Annotated[Period, Depends(period_asked)]
AskedDevice = Annotated[int, Depends(device_in_path)]
