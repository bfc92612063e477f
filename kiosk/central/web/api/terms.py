"""What the API's questions and answers have in common: names, times, pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import HTTPException, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from kiosk.wire import MAX_INT

PAGE_MAX = 1000
CURSOR_MAX = 1000
"""Characters; none of ours is longer."""

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""No hour is older than kiosk, and every database and time zone has the newer ones."""

Item = TypeVar("Item")

PartOfTopic = StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")
Name = Annotated[str, PartOfTopic]
"""A tenant, a site or a device."""

MaybeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
"""The same; empty: every one."""

Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of anybody's words; PostgreSQL takes no NUL."""


def _in_our_age(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} is expected")
    return moment.astimezone(UTC)


def _a_day_of_our_age(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} is expected")
    return day


When = Annotated[AwareDatetime, AfterValidator(_in_our_age)]
"""RFC 3339, with a zone."""

Day = Annotated[date, AfterValidator(_a_day_of_our_age)]

From = Annotated[When | None, Query(alias="from", description="the first instant")]
To = Annotated[When | None, Query(description="the first instant that is left out")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="items of one answer")]
Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_MAX, description="`next` of the answer before; else the first page"),
]
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
BigId = Annotated[int, Field(ge=1, le=MAX_INT)]


class Answer(BaseModel):
    """What the API says: closed, so that its description is the truth."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Wish(BaseModel):
    """What the API is told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Page(Answer, Generic[Item]):
    """Some of many items."""

    items: Sequence[Item]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last one")


def cut(
    found: Sequence[Any], limit: int, key: Callable[[Any], Sequence[Any]]
) -> tuple[Sequence[Any], str | None]:
    """One page of rows that were asked for with one more, and the cursor of the next.

    Args:
        found: the rows, up to ``limit + 1``.
        limit: items of a page.
        key: what the rows are ordered by.
    """
    if len(found) <= limit:
        return found, None
    page = found[:limit]
    return page, cursor_of(key(page[-1]))


def cursor_of(key: Sequence[Any]) -> str:
    """A place in an order, as text that means nothing to others."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    text = json.dumps(plain, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def place_of(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The place that a cursor means, or ``None`` for the start.

    Args:
        cursor: as :func:`cursor_of` made it.
        kinds: of the parts: int, str or datetime.

    Raises:
        HTTPException: 422, it is not one of ours.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return tuple(_part(part, kind) for part, kind in zip(_listed(parts), kinds, strict=True))
    except (ValueError, TypeError, RecursionError) as bad:
        raise HTTPException(422, "cursor: it is not one that this API gave") from bad


def _listed(parts: Any) -> list[Any]:
    if not isinstance(parts, list):
        raise TypeError
    return parts


def _part(part: Any, kind: type) -> Any:
    if kind is datetime and isinstance(part, str):
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError
        return _in_our_age(moment)
    if type(part) is not kind:
        raise TypeError
    if isinstance(part, int) and not -MAX_INT <= part <= MAX_INT:
        raise ValueError
    if isinstance(part, str) and "\x00" in part:
        raise ValueError
    return part
