"""What goes wrong, and what was done about it: alerts, commands, documents, the audit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Select, select, tuple_

from kiosk.central.courier import order_command
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedScope, device_id_of
from kiosk.central.web.api.hours import places_of
from kiosk.central.web.api.terms import (
    Answer,
    Cursor,
    Limit,
    Line,
    Name,
    Page,
    Wish,
    cut,
    place_of,
)
from kiosk.central.web.auth import OperatingCaller
from kiosk.central.web.context import Here, Reading, Writing

router = APIRouter(tags=["operations"])


class KeptAlert(Answer):
    """Something that went wrong."""

    id: int
    tenant: str | None = Field(description="null: of head office itself")
    site: str | None
    device: str | None
    kind: str
    sentence: str
    since: datetime
    last: datetime = Field(description="when it happened last")
    count: int = Field(description="how often it happened")
    cleared: datetime | None = Field(description="null: it is still so")


class Order(Wish):
    """A command for a device."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,39}$")]
    args: Mapping[Line, Line] = Field(default_factory=dict, max_length=20)


class CommandOut(Answer):
    """A command, and what became of it."""

    id: str
    tenant: str
    site: str
    device: str
    name: str
    args: Mapping[str, str]
    by: str
    issued: datetime
    expires_at: datetime
    sent: datetime | None = Field(description="when the broker had it")
    outcome: str | None = Field(description="of the reply; null: none came yet")
    reply: Mapping[str, Any] | None = Field(description="the payload of the reply, as it came")
    replied: datetime | None


class AuditRow(Answer):
    """Something that somebody did."""

    id: int
    at: datetime
    who: str
    action: str
    target: str
    detail: str


@router.get("/alerts")
def list_alerts(
    connection: Reading,
    scope: AskedScope,
    cleared: Annotated[bool, Query(description="also those that are over")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[KeptAlert]:
    """Alerts that were kept, newest first.

    What is told by the present state of a device alone stands with the device.
    """
    alerts = tables.alerts
    wanted = select(alerts).order_by(alerts.c.id.desc()).limit(limit + 1)
    if not cleared:
        wanted = wanted.where(alerts.c.cleared.is_(None))
    wanted = _of_devices(wanted, alerts, scope.site_id, scope.device_id)
    after = place_of(cursor, int)
    if after is not None:
        wanted = wanted.where(alerts.c.id < after[0])
    rows, following = cut(
        connection.execute(wanted).mappings().all(), limit, lambda row: (row["id"],)
    )
    places = places_of(connection, {row["device_id"] for row in rows if row["device_id"]})
    nowhere = {"tenant": None, "site": None, "device": None}
    items = [
        KeptAlert(
            **places.get(row["device_id"], nowhere),
            **{name: row[name] for name in ("id", "kind", "sentence", "since", "last")},
            count=row["count"],
            cleared=row["cleared"],
        )
        for row in rows
    ]
    return Page(items=items, next=following)


@router.post("/devices/{tenant}/{site}/{device}/commands", status_code=202)
def order(
    *,
    web: Here,
    user: OperatingCaller,
    connection: Writing,
    tenant: Name,
    site: Name,
    device: Name,
    wish: Order,
    response: Response,
) -> CommandOut:
    """Order a device to do something once; it is sent as soon as the device can be reached."""
    device_id = device_id_of(connection, tenant, site, device)
    now = web.clock.utc()
    number = order_command(connection, device_id, wish.name, wish.args, user.name, now)
    response.headers["Location"] = f"/api/v1/commands/{number}"
    row = connection.execute(select(tables.commands).where(tables.commands.c.id == number))
    return _command(row.mappings().one(), places_of(connection, [device_id]))


@router.get("/commands")
def list_commands(
    connection: Reading, scope: AskedScope, limit: Limit = 100, cursor: Cursor = None
) -> Page[CommandOut]:
    """Commands and what became of them, newest first."""
    commands = tables.commands
    newest = (commands.c.issued.desc(), commands.c.id.desc())
    wanted = select(commands).order_by(*newest).limit(limit + 1)
    wanted = _of_devices(wanted, commands, scope.site_id, scope.device_id)
    after = place_of(cursor, datetime, str)
    if after is not None:
        wanted = wanted.where(tuple_(commands.c.issued, commands.c.id) < after)
    rows, following = cut(
        connection.execute(wanted).mappings().all(), limit, lambda row: (row["issued"], row["id"])
    )
    places = places_of(connection, {row["device_id"] for row in rows})
    return Page(items=[_command(row, places) for row in rows], next=following)


@router.get("/commands/{id}")
def show_command(
    connection: Reading,
    id: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")],  # noqa: A002
) -> CommandOut:
    """What became of a command."""
    wanted = select(tables.commands).where(tables.commands.c.id == id)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise HTTPException(404, f"there is no command {id}")
    return _command(row, places_of(connection, [row["device_id"]]))


@router.get("/audit")
def list_audit(
    _: OperatingCaller, connection: Reading, limit: Limit = 100, cursor: Cursor = None
) -> Page[AuditRow]:
    """Who did what, newest first."""
    audit = tables.audit
    wanted = select(audit).order_by(audit.c.id.desc()).limit(limit + 1)
    after = place_of(cursor, int)
    if after is not None:
        wanted = wanted.where(audit.c.id < after[0])
    rows, following = cut(connection.execute(wanted).all(), limit, lambda row: (row.id,))
    return Page(items=[AuditRow.model_validate(row) for row in rows], next=following)


def _of_devices(
    wanted: Select[Any], table: Any, site_id: int, device_id: int | None
) -> Select[Any]:
    if device_id is not None:
        return wanted.where(table.c.device_id == device_id)
    if site_id:
        mine = select(tables.devices.c.id).where(tables.devices.c.site_id == site_id)
        return wanted.where(table.c.device_id.in_(mine))
    return wanted


def _command(row: Mapping[Any, Any], places: Mapping[int, Mapping[str, str]]) -> CommandOut:
    names = ("id", "name", "by", "issued", "expires_at", "sent", "outcome", "replied")
    return CommandOut(
        **places[row["device_id"]],
        **{name: row[name] for name in names},
        args=json.loads(row["args"]),
        reply=json.loads(row["reply"]) if row["reply"] else None,
    )
