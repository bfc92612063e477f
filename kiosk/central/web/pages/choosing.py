"""What a page is asked for: which place, which days, compared with what."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from kiosk.central.reading import MAX_DAYS, Period, Scope, find_scope, named_period
from kiosk.central.web.context import Web
from kiosk.central.web.pages.render import zone_of

Compare = Literal["", "before", "year", "all"]
Measure = Literal["ots", "watchers", "attention_s"]

PERIODS = (
    ("today", "Today"),
    ("7d", "7 days"),
    ("28d", "4 weeks"),
    ("90d", "90 days"),
    ("365d", "A year"),
)
CUSTOM = "custom"
USUAL = "7d"
DEVICE_DAYS = 92
"""Longest period of a single device, whose hours are added up one by one."""

YEAR_DAYS = 364
"""A year back, on the same weekdays."""


class Asked(BaseModel):
    """The query of a page, as it came.

    Attributes:
        site: tenant/site; empty: all.
        device: of that site; empty: all.
        period: one of the names above, or custom.
        first: first day of a custom period, ``from`` in the query.
        last: its last day, ``to`` in the query.
        compare: with the days before, with a year before, or with all sites.
        show: which measure charts show.
        control: number of the creative that others are compared with; empty: all the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    site: Annotated[str, Field(max_length=140)] = ""
    device: Annotated[str, Field(max_length=64)] = ""
    period: Annotated[str, Field(max_length=10)] = USUAL
    first: Annotated[str, Field(alias="from", max_length=10)] = ""
    last: Annotated[str, Field(alias="to", max_length=10)] = ""
    compare: Compare = ""
    show: Measure = "ots"
    control: Annotated[str, Field(max_length=9, pattern=r"^[0-9]*$")] = ""

    def link(self, path: str, **changes: str) -> str:
        """The same page, or another one, with some of the query changed."""
        changed = self.model_copy(update=changes)
        query = changed.model_dump(exclude_defaults=True, by_alias=True)
        return f"{path}?{urlencode(query)}" if query else path


Query_ = Annotated[Asked, Query()]


def scope_of(connection: Connection, asked: Asked) -> Scope:
    """The place that is asked for.

    Raises:
        HTTPException: 404, there is none.
    """
    tenant, _, site = asked.site.partition("/")
    scope = find_scope(connection, tenant, site, asked.device if asked.site else "")
    if scope is None:
        raise HTTPException(404, "there is no site or device of this name")
    return scope


def period_of(web: Web, asked: Asked) -> Period:
    """The days that are asked for.

    Raises:
        HTTPException: 422, they make no period, or one that is too long.
    """
    period = _days(web, asked)
    if asked.site and asked.device and period.days > DEVICE_DAYS:
        raise HTTPException(
            422,
            f"one device is shown for {DEVICE_DAYS} days at most; for more, choose its site",
        )
    return period


def _days(web: Web, asked: Asked) -> Period:
    zone = zone_of(web)
    if asked.period != CUSTOM:
        named = named_period(asked.period, web.clock.utc(), zone)
        if named is None:
            raise HTTPException(422, f"there is no period called {asked.period!r}")
        return named
    try:
        first, last = date.fromisoformat(asked.first), date.fromisoformat(asked.last)
    except ValueError:
        raise HTTPException(422, "give a first and a last day, such as 2026-11-01") from None
    today = web.clock.utc().astimezone(zone).date()
    if first > last:
        first, last = last, first
    if (last - first).days >= MAX_DAYS or first.year < 2000 or last.year > today.year + 1:
        raise HTTPException(422, f"at most {MAX_DAYS} days can be looked at at once")
    return Period(first, last, zone)


def compared_with(scope: Scope, period: Period, compare: str) -> tuple[Scope, Period, str] | None:
    """What else is read beside it, and its name; None: nothing."""
    if compare == "before":
        return scope, period.before(), "the days before"
    if compare == "year":
        return scope, period.shifted(YEAR_DAYS), "a year before"
    if compare == "all" and scope.site_id:
        return Scope(), period, "all sites"
    return None
