"""The pages about audience and content, and the report."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from kiosk.central.reading import (
    Device,
    Overview,
    Period,
    Scope,
    change,
    parse_week,
    read_audience,
    read_content,
    read_deliveries,
    read_device_names,
    read_office,
    read_overview,
    read_places,
    read_sites,
    read_totals,
    read_week,
    summarise,
    week_of,
)
from kiosk.central.web.pages import charts, devices
from kiosk.central.web.pages.choosing import (
    PERIODS,
    Asked,
    Query_,
    compared_with,
    period_of,
    scope_of,
)
from kiosk.central.web.pages.desk import At, Desk
from kiosk.central.web.pages.drawing import spark_path
from kiosk.clock import iso

router = APIRouter(include_in_schema=False)
router.include_router(devices.router)

PAGE_ROWS = 100
"""Sites of one page of the list."""

TROUBLES = 6
"""Devices on the first page; the others are a click away."""

DAY_HOURS = 24
SPARKS = ("ots", "watchers", "attention_s", "plays")

MEASURES = {"ots": "Passes", "watchers": "Watchers", "attention_s": "Attention"}


@router.get("/")
def overview(desk: At) -> Response:
    """How things are right now."""
    now, zone = desk.now, desk.zone
    told = read_overview(desk.connection, now, zone)
    fleet = desk.fleet()
    fewer = desk.fewer_than
    drawn = {
        "today": charts.hours(told.today, zone, "ots", fewer),
        "before": charts.hours(told.last_week, zone, "ots", fewer),
    }
    troubled = sorted((one for one in fleet if one.alerts), key=lambda one: one.severity)
    return desk.show(
        "overview.html",
        told=told,
        summary=summarise(fleet),
        office=read_office(desk.connection, now),
        troubled=troubled[:TROUBLES],
        drawn=drawn,
        sparks={name: _sparks(told, name, zone, fewer) for name in SPARKS},
        by_hour=_by_hour(told, zone),
        weekday=f"{now.astimezone(zone) - timedelta(days=7):%A}",
    )


@router.get("/audience")
def audience(desk: At, asked: Query_) -> Response:
    """Who passed by."""
    scope, period = scope_of(desk.connection, asked), period_of(desk.web, asked)
    told = read_audience(desk.connection, scope, period)
    other = compared_with(scope, period, asked.compare)
    against = read_audience(desk.connection, other[0], other[1]) if other is not None else None
    fewer = desk.fewer_than
    drawn: dict[str, Any] = {
        "measure": asked.show,
        "name": MEASURES[asked.show],
        "days": charts.days(told.days, period, asked.show, fewer),
        "heat": charts.heat(told.heat, asked.show, fewer),
        "ages": charts.ages(told.ages, fewer),
        "moods": charts.shares(told.moods, fewer),
        "groups": charts.shares(told.groups, fewer),
        "before": [],
    }
    if other is not None and against is not None:
        back = (period.first - other[1].first).days
        drawn["before"] = charts.days(against.days, other[1], asked.show, fewer, back)
    return desk.show(
        "audience.html",
        told=told,
        against=against,
        against_name=other[2] if other is not None else "",
        changes=_changes(desk, scope, period, asked),
        drawn=drawn,
        levels=charts.heat_levels(told.heat, asked.show, fewer),
        measures=MEASURES,
        exports=_exports(scope, period),
        **_choices(desk, asked),
    )


@router.get("/content")
def content(desk: At, asked: Query_) -> Response:
    """What the creatives earned."""
    scope, period = scope_of(desk.connection, asked), period_of(desk.web, asked)
    control = int(asked.control) if asked.control else None
    told = read_content(desk.connection, scope, period, control)
    names = {one.id: one.name for one in told.creatives}
    if control is not None and control not in names:
        raise HTTPException(404, "the creative to compare with was not played in these days")
    shown = [one for one in told.creatives if one.id != control]
    return desk.show(
        "content.html",
        told=told,
        controls=sorted(names.items(), key=lambda pair: pair[1]),
        control_name=names.get(control) if control is not None else None,
        deliveries=read_deliveries(desk.connection, desk.now, desk.zone),
        drawn={"rates": charts.rates(told.creatives), "uplifts": charts.uplifts(shown)},
        exports=_plays_exports(scope, period),
        **_choices(desk, asked),
    )


class WantedSites(BaseModel):
    """Which sites are to be listed: the query of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Annotated[str, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    def link(self, page: int) -> str:
        """Another page of the same list."""
        return f"/sites?{urlencode({'q': self.q, 'page': page})}"


@router.get("/sites")
def sites(desk: At, asked: Annotated[WantedSites, Query()]) -> Response:
    """Every site, and how it does today."""
    now, zone = desk.now, desk.zone
    by_site: dict[int, list[Device]] = {}
    for device in desk.fleet():
        by_site.setdefault(device.site_id, []).append(device)
    words = asked.q.casefold().split()
    found = [
        one
        for one in read_sites(desk.connection, now, zone)
        if all(word in f"{one.place.tenant}/{one.place.site}".casefold() for word in words)
    ]
    pages = max(1, -(-len(found) // PAGE_ROWS))
    number = min(asked.page, pages)
    shown = found[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
    some = {one.place.site_id: tuple(by_site.get(one.place.site_id, ())) for one in shown}
    return desk.show(
        "sites.html",
        asked=asked,
        shown=shown,
        found=len(found),
        pages=pages,
        number=number,
        states={site_id: summarise(devices) for site_id, devices in some.items()},
        last_week=week_of((now.astimezone(zone) - timedelta(days=7)).date()),
    )


@router.get("/reports/{tenant}/{site}")
def latest_report(desk: At, tenant: str, site: str) -> Response:
    """The report of the last whole week."""
    last = desk.now.astimezone(desk.zone) - timedelta(days=7)
    return RedirectResponse(f"/reports/{tenant}/{site}/{week_of(last.date())}", 303)


@router.get("/reports/{tenant}/{site}/{week}")
def report(desk: At, tenant: str, site: str, week: str) -> Response:
    """A week of a site, for paper."""
    period = parse_week(week, desk.zone)
    if period is None:
        raise HTTPException(404, "a week is written like 2026-W47")
    scope = scope_of(desk.connection, Asked(site=f"{tenant}/{site}"))
    told = read_week(desk.connection, scope, period)
    day = timedelta(days=1)
    return desk.show(
        "report.html",
        told=told,
        scope=scope,
        period=period,
        levels=charts.heat_levels(told.audience.heat, "ots", desk.fewer_than),
        earlier=week_of(period.first - day),
        later=week_of(period.last + day) if period.end < desk.now else None,
        is_over=period.end <= desk.now,
    )


def _sparks(told: Overview, name: str, zone: ZoneInfo, fewer_than: int) -> tuple[str, str]:
    """Paths of the same day a week earlier, and of today; on one scale."""
    slots: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for slot, hours in zip(slots, (told.last_week, told.today), strict=True):
        for hour in hours:
            value = getattr(hour, name)
            shown = charts.drawn(value, name, fewer_than) if name != "plays" else value
            slot[hour.at.astimezone(zone).hour] = shown
    most = max((value for slot in slots for value in slot.values()), default=0.0)
    before, today = ([slot.get(hour) for hour in range(DAY_HOURS)] for slot in slots)
    return spark_path(before, most, DAY_HOURS), spark_path(today, most, DAY_HOURS)


def _by_hour(told: Overview, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The hours of the day, of today and of a week earlier side by side."""
    today = {hour.at.astimezone(zone).hour: hour for hour in told.today}
    before = {hour.at.astimezone(zone).hour: hour for hour in told.last_week}
    return [
        {"name": f"{hour:02d}:00", "today": today.get(hour), "before": before.get(hour)}
        for hour in sorted({*today, *before})
    ]


def _exports(scope: Scope, period: Period) -> dict[str, str]:
    """Where the same can be had as a table."""
    text = urlencode({**_place(scope), "first": period.first, "last": period.last})
    return {
        f"{what}_{form}": f"/api/v1/export/{what}.{form}?{text}"
        for what in ("hours", "audience")
        for form in ("csv", "parquet")
    }


def _plays_exports(scope: Scope, period: Period) -> dict[str, str]:
    """Where the plays of these days can be had one by one."""
    days = {"from": iso(period.start), "to": iso(period.end)}
    links = {
        form: f"/api/v1/plays/export?{urlencode({**_place(scope), **days, 'format': form})}"
        for form in ("csv", "parquet", "openrtb")
    }
    asked = urlencode({**_place(scope), **days, "format": "csv"})
    return {**links, "contracts": f"/api/v1/plays/contracts?{asked}"}


def _place(scope: Scope) -> dict[str, str]:
    place = {"tenant": scope.tenant, "site": scope.site, "device": scope.device}
    return {name: value for name, value in place.items() if value}


def _changes(desk: Desk, scope: Scope, period: Period, asked: Asked) -> dict[str, Any]:
    """Changes against what is compared with, by whole days: today would look too small."""
    today = desk.now.astimezone(desk.zone).date()
    if asked.compare != "all" and period.last >= today:
        period = Period(period.first, min(period.last, today) - timedelta(days=1), period.zone)
    other = compared_with(scope, period, asked.compare)
    if other is None or period.first > period.last:
        return {}
    told = read_totals(desk.connection, scope, period)
    against = read_totals(desk.connection, other[0], other[1])
    # A site's sums beside those of all sites say nothing; rates do.
    names: tuple[str, ...] = ("watch_rate", "attention_per_ots_s")
    if asked.compare != "all":
        names += ("ots", "watchers", "attention_s", "impressions")
    return {name: change(getattr(told, name), getattr(against, name)) for name in names}


def _choices(desk: Desk, asked: Asked) -> dict[str, Any]:
    """What the bar of filters offers."""
    places = read_places(desk.connection)
    chosen = next((one for one in places if f"{one.tenant}/{one.site}" == asked.site), None)
    period = period_of(desk.web, asked)
    return {
        "asked": asked,
        "places": places,
        "device_names": read_device_names(desk.connection, chosen.site_id) if chosen else (),
        "periods": PERIODS,
        "period": period,
        "several_tenants": len({one.tenant for one in places}) > 1,
    }
