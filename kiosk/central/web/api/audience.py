"""What the pages show, as figures with their intervals."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import select

from kiosk.central.reading import (
    Audience,
    Content,
    Delivery,
    HourPoint,
    Overview,
    SiteToday,
    read_audience,
    read_content,
    read_deliveries,
    read_hours,
    read_overview,
    read_sites,
)
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedPeriod, AskedScope, zone_of
from kiosk.central.web.api.terms import Id
from kiosk.central.web.context import Here, Reading

router = APIRouter(tags=["measures"])


@router.get("/overview")
def show_overview(web: Here, connection: Reading) -> Overview:
    """The last whole hour, and today against the same hours of a week ago."""
    return read_overview(connection, web.clock.utc(), zone_of(web))


@router.get("/sites/today")
def show_sites(web: Here, connection: Reading) -> tuple[SiteToday, ...]:
    """Every site with its figures of today."""
    return read_sites(connection, web.clock.utc(), zone_of(web))


@router.get("/audience")
def show_audience(connection: Reading, scope: AskedScope, period: AskedPeriod) -> Audience:
    """Who passed by: totals, days, hours of the week, age and gender, mood, size of groups.

    Every figure has the interval of 95 % that the noise leaves. Figures are not rounded, and small
    ones are not hidden: with noise on them they say nothing of one pass.
    """
    return read_audience(connection, scope, period)


@router.get("/audience/hours")
def show_hours(
    connection: Reading, scope: AskedScope, period: AskedPeriod
) -> tuple[HourPoint, ...]:
    """Hour by hour, summed over the devices that are meant."""
    return read_hours(connection, scope, period.start, period.end)


@router.get("/content")
def show_content(
    connection: Reading,
    scope: AskedScope,
    period: AskedPeriod,
    control: Annotated[
        Id | None, Query(description="number of the creative to compare with; else all the others")
    ] = None,
) -> Content:
    """What creatives earned, and how much more than the others they were watched."""
    if control is not None:
        known = select(tables.creatives.c.id).where(tables.creatives.c.id == control)
        if connection.execute(known).scalar() is None:
            raise HTTPException(404, f"there is no creative {control}")
    return read_content(connection, scope, period, control)


@router.get("/deliveries")
def show_deliveries(web: Here, connection: Reading) -> tuple[Delivery, ...]:
    """How the bookings stand."""
    return read_deliveries(connection, web.clock.utc(), zone_of(web))
