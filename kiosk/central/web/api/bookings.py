"""Contracts: how many plays of a creative were promised, and by when."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlalchemy import Connection, Select, delete, insert, select, update

from kiosk.central.store import tables
from kiosk.central.web.api.terms import (
    Answer,
    BigId,
    Cursor,
    Day,
    Id,
    Limit,
    Page,
    Wish,
    cut,
    place_of,
)
from kiosk.central.web.auth import OperatingCaller, Visitor
from kiosk.central.web.context import Here, Reading, Web, Writing
from kiosk.central.web.trail import record

router = APIRouter(prefix="/bookings", tags=["operations"])

PLAYS_MAX = 10**12
"""More than every screen of the world shows."""

BOOKINGS_MAX = 10_000

Note = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class Booking(Wish):
    """A contract."""

    creative_id: Id
    begin: Day = Field(description="first day")
    end: Day = Field(description="last day")
    plays: int = Field(ge=1, le=PLAYS_MAX, description="that were promised")
    note: Note = ""

    @model_validator(mode="after")
    def _in_order(self) -> Booking:
        if self.end < self.begin:
            raise ValueError("end: lies before begin")
        return self


class BookingOut(Answer):
    """A contract that was written down."""

    id: int
    creative_id: int
    tenant: str
    creative: str
    begin: Day
    end: Day
    plays: int
    note: str


@router.get("")
def list_bookings(
    connection: Reading, limit: Limit = 100, cursor: Cursor = None
) -> Page[BookingOut]:
    """Every contract, in the order in which they were written down."""
    bookings = tables.bookings
    wanted = _all().order_by(bookings.c.id).limit(limit + 1)
    after = place_of(cursor, int)
    if after is not None:
        wanted = wanted.where(bookings.c.id > after[0])
    rows, following = cut(connection.execute(wanted).all(), limit, lambda row: (row.id,))
    return Page(items=[BookingOut.model_validate(row) for row in rows], next=following)


@router.get("/{id}")
def show_booking(connection: Reading, id: Annotated[BigId, Path()]) -> BookingOut:  # noqa: A002
    """One contract."""
    return _find(connection, id)


@router.post("", status_code=201)
def add_booking(
    web: Here, user: OperatingCaller, connection: Writing, booking: Booking, response: Response
) -> BookingOut:
    """Write a contract down."""
    _check(connection, booking)
    bookings = tables.bookings
    added = insert(bookings).values(_row(booking)).returning(bookings.c.id)
    number = connection.execute(added).scalar_one()
    _note(connection, web, user, action="add booking", number=number, booking=booking)
    response.headers["Location"] = f"/api/v1/bookings/{number}"
    return _find(connection, number)


@router.put("/{id}")
def change_booking(
    web: Here,
    user: OperatingCaller,
    connection: Writing,
    id: Annotated[BigId, Path()],  # noqa: A002
    booking: Booking,
) -> BookingOut:
    """Write a contract down anew."""
    _find(connection, id)
    _check(connection, booking)
    bookings = tables.bookings
    connection.execute(update(bookings).where(bookings.c.id == id).values(_row(booking)))
    _note(connection, web, user, action="change booking", number=id, booking=booking)
    return _find(connection, id)


@router.delete("/{id}", status_code=204)
def remove_booking(
    web: Here,
    user: OperatingCaller,
    connection: Writing,
    id: Annotated[BigId, Path()],  # noqa: A002
) -> None:
    """Strike a contract out; the audit keeps what it said."""
    was = _find(connection, id)
    connection.execute(delete(tables.bookings).where(tables.bookings.c.id == id))
    _note(connection, web, user, action="remove booking", number=id, booking=was)


def _all() -> Select[Any]:
    bookings, creatives = tables.bookings, tables.creatives
    return select(bookings, creatives.c.tenant, creatives.c.name.label("creative")).join_from(
        bookings, creatives
    )


def _find(connection: Connection, number: int) -> BookingOut:
    row = connection.execute(_all().where(tables.bookings.c.id == number)).one_or_none()
    if row is None:
        raise HTTPException(404, f"there is no booking {number}")
    return BookingOut.model_validate(row)


def _check(connection: Connection, booking: Booking) -> None:
    creatives = tables.creatives
    known = select(creatives.c.id).where(creatives.c.id == booking.creative_id)
    if connection.execute(known).scalar() is None:
        raise HTTPException(422, f"creative_id: there is no creative {booking.creative_id}")


def _row(booking: Booking) -> dict[str, Any]:
    return booking.model_dump() | {
        "begin": booking.begin.isoformat(),
        "end": booking.end.isoformat(),
    }


def _note(
    connection: Connection,
    web: Web,
    user: Visitor,
    *,
    action: str,
    number: int,
    booking: BaseModel,
) -> None:
    detail = booking.model_dump_json()
    record(connection, web.clock.utc(), user.name, action, str(number), detail=detail)
