"""Impression multipliers: how many impressions a play is, hour of the week by hour of the week."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import Connection, select

from kiosk.central.reading import Scope
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedScope, zone_of
from kiosk.central.web.api.noise import deviations
from kiosk.central.web.api.terms import Answer
from kiosk.central.web.context import Here, Reading

router = APIRouter(tags=["measures"])

PUBLISHER_PROVIDED: Literal[2] = 2
"""AdCOM 1.0, list DOOH Multiplier Measurement Source Types: whoever runs the screen measured it."""


class Qty(Answer):
    """OpenRTB 2.6, 3.2.31: object Qty."""

    multiplier: float = Field(ge=0, description="impressions per play")
    sourcetype: Literal[2] = Field(PUBLISHER_PROVIDED, description="publisher provided (AdCOM 1.0)")
    vendor: Literal["kiosk"] = "kiosk"


class Multiplier(Answer):
    """The multiplier of an hour of the week, in central.timezone."""

    weekday: int = Field(ge=0, le=6, description="0: Monday")
    hour: int = Field(ge=0, le=23)
    qty: Qty
    sd: float = Field(
        ge=0, description="standard deviation that privacy noise gives the multiplier"
    )
    plays: int = Field(description="that it is taken from, exact")
    device_hours: int = Field(description="that it is taken from")


class Multipliers(Answer):
    """The multipliers of a site or a device; an hour without a play has none."""

    tenant: str = Field(description="empty: of all sites together")
    site: str
    device: str = Field(description="empty: of the whole site")
    timezone: str
    since: datetime
    items: list[Multiplier]


class Hour(NamedTuple):
    """What an hour adds."""

    at: datetime
    plays: int
    impressions: int
    variance: float
    device_hours: int


@router.get("/multipliers")
def show_multipliers(
    web: Here,
    connection: Reading,
    scope: AskedScope,
    weeks: Annotated[int, Query(ge=1, le=26, description="whole weeks up to now")] = 4,
) -> Multipliers:
    """Impressions per play by hour of the week, in the shape of OpenRTB 2.6 `imp.qty`.

    Noise may bring the impressions of a quiet hour below zero; its multiplier is 0 then.
    """
    zone = zone_of(web)
    since = web.clock.utc() - timedelta(weeks=weeks)
    slots: dict[int, list[Hour]] = {}
    for hour in _hours(connection, scope, since):
        local = hour.at.astimezone(zone)
        slots.setdefault(local.weekday() * 24 + local.hour, []).append(hour)
    return Multipliers(
        tenant=scope.tenant,
        site=scope.site,
        device=scope.device,
        timezone=web.settings.central.timezone,
        since=since,
        items=list(_multipliers(slots)),
    )


def _hours(connection: Connection, scope: Scope, since: datetime) -> Iterator[Hour]:
    if scope.device_id is None:
        table = tables.site_hours
        wanted = select(table.c.at, table.c.plays, table.c.impressions, table.c.variances)
        wanted = wanted.add_columns(table.c.device_hours).where(table.c.site_id == scope.site_id)
        for row in connection.execute(wanted.where(table.c.at >= since)):
            variance = json.loads(row.variances).get("impressions") or 0.0
            yield Hour(row.at, row.plays, row.impressions, variance, row.device_hours)
        return
    table = tables.hours
    wanted = select(table.c.at, table.c.plays, table.c.impressions, table.c.scales).where(
        table.c.device_id == scope.device_id,
        table.c.at >= since,
        table.c.dated.is_(True),
        table.c.impressions.is_not(None),
    )
    for row in connection.execute(wanted):
        variance = deviations(row.scales).get("impressions", 0.0) ** 2
        yield Hour(row.at, row.plays, row.impressions, variance, 1)


def _multipliers(slots: Mapping[int, Sequence[Hour]]) -> Iterator[Multiplier]:
    for number, hours in sorted(slots.items()):
        plays = sum(hour.plays for hour in hours)
        if plays == 0:
            continue
        impressions = sum(hour.impressions for hour in hours)
        yield Multiplier(
            weekday=number // 24,
            hour=number % 24,
            qty=Qty(multiplier=round(max(0.0, impressions / plays), 4)),
            sd=round(math.sqrt(sum(hour.variance for hour in hours)) / plays, 4),
            plays=plays,
            device_hours=sum(hour.device_hours for hour in hours),
        )
