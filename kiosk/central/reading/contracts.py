"""What was promised to be played, and whether it will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, func, select

from kiosk.central.reading.period import DAY, local_day
from kiosk.central.reading.places import ALL_SITES
from kiosk.central.store import tables

ON_TRACK = 0.98
"""So much of what was promised may be expected without calling it behind: a day has its chances."""

MAX_BOOKINGS = 500
RECENT_DAYS = 60
"""Contracts that ended longer ago are left out."""

Verdict = Literal["to come", "just begun", "on track", "behind", "delivered", "short"]


@dataclass(frozen=True)
class Delivery:
    """A contract and how it stands.

    Attributes:
        booking_id: its number in the database.
        tenant: whose campaign it is.
        creative: what is to be played.
        first: first day.
        last: last day.
        note: as it was written down.
        booked: plays that were promised.
        delivered: plays so far, exactly.
        due: plays that an even pace would have brought by the end of yesterday.
        expected: plays at the end, at the pace of its whole days so far; None: none is over.
        verdict: in a word.
    """

    booking_id: int
    tenant: str
    creative: str
    first: date
    last: date
    note: str
    booked: int
    delivered: int
    due: int
    expected: int | None
    verdict: Verdict


def read_deliveries(connection: Connection, now: datetime, zone: ZoneInfo) -> tuple[Delivery, ...]:
    """Every contract that runs, is to come or ended lately; those that end first come first."""
    bookings, creatives, days = tables.bookings, tables.creatives, tables.creative_days
    today = local_day(now, zone)
    on = and_(
        days.c.site_id == ALL_SITES,
        days.c.creative_id == bookings.c.creative_id,
        days.c.day.between(bookings.c.begin, bookings.c.end),
    )
    before_today = case((days.c.day < today.isoformat(), days.c.plays), else_=0)
    rows = connection.execute(
        select(
            bookings.c.id,
            creatives.c.tenant,
            creatives.c.name,
            bookings.c.begin,
            bookings.c.end,
            bookings.c.note,
            bookings.c.plays,
            func.coalesce(func.sum(days.c.plays), 0).label("delivered"),
            func.coalesce(func.sum(before_today), 0).label("before"),
        )
        .select_from(
            bookings.join(creatives, bookings.c.creative_id == creatives.c.id).outerjoin(days, on)
        )
        .where(bookings.c.end >= (today - RECENT_DAYS * DAY).isoformat())
        .group_by(bookings.c.id, creatives.c.tenant, creatives.c.name)
        .order_by(bookings.c.end, creatives.c.name)
        .limit(MAX_BOOKINGS)
    ).mappings()
    return tuple(_delivery(row, today) for row in rows)


def _delivery(row: Mapping[Any, Any], today: date) -> Delivery:
    first, last = date.fromisoformat(row["begin"]), date.fromisoformat(row["end"])
    booked, delivered, before = int(row["plays"]), int(row["delivered"]), int(row["before"])
    days = (last - first).days + 1
    over = min(max((today - first).days, 0), days)
    expected = None if over == 0 else delivered if over == days else round(before / over * days)
    return Delivery(
        row["id"],
        row["tenant"],
        row["name"],
        first,
        last,
        row["note"],
        booked,
        delivered,
        round(booked * over / days),
        expected,
        "to come" if today < first else _verdict(booked, delivered, expected, today > last),
    )


def _verdict(booked: int, delivered: int, expected: int | None, is_over: bool) -> Verdict:
    if delivered >= booked:
        return "delivered"
    if is_over:
        return "short"
    if expected is None:
        return "just begun"
    return "on track" if expected >= ON_TRACK * booked else "behind"
