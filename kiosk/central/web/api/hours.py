"""Hours as devices sent them, with their noise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field
from pydantic_core import to_json
from sqlalchemy import Connection, Select, Table, select, tuple_

from kiosk import terms
from kiosk.central.reading import Scope
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedScope
from kiosk.central.web.api.cells import MOODS, creative_names, grid, labelled, split
from kiosk.central.web.api.noise import deviations
from kiosk.central.web.api.terms import Answer, Cursor, From, Limit, Page, To, cursor_of, place_of
from kiosk.central.web.context import Reading

router = APIRouter(tags=["measures"])

Cells = Mapping[str, int]
Grid = Mapping[str, Mapping[str, int]]


class CreativeCounts(Answer):
    """What one creative earned in an hour."""

    plays: int
    ots: int
    watchers: int
    dwell_s: int | None
    attention_s: int | None
    age_gender: Grid | None
    mood: Cells | None
    group_size: Cells | None


class Counts(Answer):
    """Counts of an hour with the noise that the device drew; they may be below zero."""

    plays: int = Field(description="exact")
    ots: int = Field(description="passes that were an opportunity to see")
    watchers: int
    dwell_s: int | None
    attention_s: int | None
    impressions: int | None
    age_gender: Grid | None
    impressions_age_gender: Grid | None
    mood: Cells | None
    group_size: Cells | None
    creatives: Mapping[str, CreativeCounts]


class HourOut(Answer):
    """One hour of one device."""

    tenant: str
    site: str
    device: str
    hour: datetime | None = Field(description="its start; null: not known")
    not_before: datetime | None = Field(description="when hour is null: since when it was counted")
    not_after: datetime | None = Field(description="when hour is null: until when it was counted")
    epoch: str
    seq: int
    received: datetime
    policy: str | None
    epsilon: float | None = Field(description="null: without noise")
    sd: Mapping[str, float] = Field(
        description="standard deviation of the noise on each figure, or on each cell of a table;"
        " a figure that is not here is exact"
    )
    clamps: Mapping[str, int] | None = Field(description="the most that one pass adds to a sum")
    notice_s: int | None
    counts: Counts


KEY = ("device_id", "at", "epoch", "seq")
"""What hours and batches of plays are ordered by: their primary key."""

KINDS = (int, datetime, str, int)

TOTALS = ("plays", "ots", "watchers", "dwell_s", "attention_s", "impressions")
SUMS_OF_CREATIVES = ("plays", "ots", "watchers", "dwell_s", "attention_s")
OF_CREATIVES = (*SUMS_OF_CREATIVES, "age_gender", "mood", "group_size")


@router.get("/hours", response_model=Page[HourOut])
def list_hours(
    *,
    connection: Reading,
    scope: AskedScope,
    begin: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Hours of devices as they came, with their noise, in the order of devices and time."""
    table = tables.hours
    wanted = of_scope(select(table), table, scope, begin, to)
    after = place_of(cursor, *KINDS)
    if after is not None:
        wanted = wanted.where(tuple_(*key_columns(table)) > after)
    found = connection.execute(wanted.limit(limit + 1)).mappings().all()
    rows = found[:limit]
    places = places_of(connection, {row["device_id"] for row in rows})
    names = creative_names(connection, {one for row in rows for one in row["creatives"]})
    items = [_hour(row, places, names) for row in rows]
    following = cursor_of(key_of(rows[-1])) if len(found) > limit else None
    # A page has some hundred thousand numbers: to check each against the model takes seconds.
    return Response(to_json({"items": items, "next": following}), media_type="application/json")


def of_scope(
    wanted: Select[Any], table: Table, scope: Scope, begin: datetime | None, to: datetime | None
) -> Select[Any]:
    """Rows of devices within a scope and a time, in the order of the table's primary key."""
    if scope.device_id is not None:
        wanted = wanted.where(table.c.device_id == scope.device_id)
    elif scope.site_id:
        mine = select(tables.devices.c.id).where(tables.devices.c.site_id == scope.site_id)
        wanted = wanted.where(table.c.device_id.in_(mine))
    if begin is not None:
        wanted = wanted.where(table.c.at >= begin)
    if to is not None:
        wanted = wanted.where(table.c.at < to)
    return wanted.order_by(*key_columns(table))


def places_of(connection: Connection, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Where devices stand, by their numbers."""
    sites, devices = tables.sites, tables.devices
    wanted = select(devices.c.id, sites.c.tenant, sites.c.site, devices.c.name)
    rows = connection.execute(wanted.join_from(devices, sites).where(devices.c.id.in_(sorted(ids))))
    return {row.id: {"tenant": row.tenant, "site": row.site, "device": row.name} for row in rows}


def key_columns(table: Table) -> list[Any]:
    """The columns of the key."""
    return [table.c[name] for name in KEY]


def key_of(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    """The key of a row."""
    return tuple(row[name] for name in KEY)


def _hour(
    row: Mapping[Any, Any], places: Mapping[int, Mapping[str, str]], names: Mapping[int, str]
) -> Mapping[str, Any]:
    """What :class:`HourOut` describes."""
    dated = row["dated"]
    return {
        **places[row["device_id"]],
        "hour": row["at"] if dated else None,
        "not_before": row["not_before"],
        "not_after": None if dated else row["at"],
        **{name: row[name] for name in ("epoch", "seq", "received", "policy", "epsilon")},
        "sd": deviations(row["scales"]),
        "clamps": json.loads(row["clamps"]) if row["clamps"] else None,
        "notice_s": row["notice_s"],
        "counts": _counts(row, names),
    }


def _counts(row: Mapping[Any, Any], names: Mapping[int, str]) -> Mapping[str, Any]:
    bands = row["bands"]
    return {
        **{name: row[name] for name in TOTALS},
        "age_gender": grid(row["age_gender"], bands),
        "impressions_age_gender": grid(row["impressions_age_gender"], bands),
        "mood": labelled(row["mood"], MOODS),
        "group_size": labelled(row["group_size"], terms.GROUP_SIZES),
        "creatives": dict(_creatives(row, names)),
    }


def _creatives(
    row: Mapping[Any, Any], names: Mapping[int, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    ids = row["creatives"]
    parts = {name: split(row[f"creative_{name}"], len(ids)) for name in OF_CREATIVES}
    for index, number in enumerate(ids):
        mine = {name: part[index] for name, part in parts.items()}
        yield (
            names[number],
            {
                **{name: next(iter(mine[name] or ()), None) for name in SUMS_OF_CREATIVES},
                "age_gender": grid(mine["age_gender"], row["bands"]),
                "mood": labelled(mine["mood"], MOODS),
                "group_size": labelled(mine["group_size"], terms.GROUP_SIZES),
            },
        )
