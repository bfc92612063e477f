"""Whole tables to take away: CSV for a spreadsheet, Parquet for what comes after it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection, Select, select

from kiosk.central.reading import Period, Scope
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedPeriod, AskedScope
from kiosk.central.web.api.columns import HOURS, SITE_DAYS, SITE_HOURS, Column, schema_of
from kiosk.central.web.api.hours import of_scope
from kiosk.central.web.context import hurry, web_of
from kiosk.clock import iso

router = APIRouter(prefix="/export", tags=["export"])

AT_ONCE = 2
"""Exports under way at a time; each holds a connection for as long as its reader takes."""

WAIT_S = 5
"""Patience with exports that are under way; one of a few sites is done in less."""

ROWS = 5000
"""Rows that are in memory at a time: a row group of Parquet."""

CSV, PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"

_places = BoundedSemaphore(AT_ONCE)

Batch = Sequence[Mapping[Any, Any]]
Form = Literal["csv", "parquet"]


def exporting(request: Request) -> Iterator[Connection]:
    """A connection for as long as an export takes.

    Raises:
        HTTPException: 503, enough exports are under way.
    """
    places = _places
    if not places.acquire(timeout=WAIT_S):
        raise HTTPException(503, "other exports are under way", {"Retry-After": "10"})
    try:
        with web_of(request).engine.connect() as connection:
            hurry(connection)
            yield connection.execution_options(yield_per=ROWS)
    finally:
        places.release()


# The connection is given back after the last byte was sent, or could not be.
Exporting = Annotated[Connection, Depends(exporting, scope="request")]

FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the table",
        "content": {"text/csv": {}, PARQUET: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True)
class Table:
    """What is exported.

    Attributes:
        name: of the file, without its ending.
        columns: of the table.
        about: what it is, for whoever opens the file.
    """

    name: str
    columns: list[Column]
    about: str


@router.get("/hours.{form}", response_class=Response, responses=FILES)
def export_hours(
    connection: Exporting, scope: AskedScope, period: AskedPeriod, form: Form
) -> Response:
    """Hours of devices as they came, one row each, with the noise on them."""
    table, devices, sites = tables.hours, tables.devices, tables.sites
    wanted = of_scope(
        select(table, sites.c.tenant, sites.c.site, devices.c.name.label("device"))
        .join_from(table, devices, table.c.device_id == devices.c.id)
        .join(sites),
        table,
        scope,
        period.start,
        period.end,
    )
    about = "Hours of devices, as they came; counts carry the noise whose deviation stands beside."
    return _answer(connection, wanted, Table(_name("hours", scope, period), HOURS, about), form)


@router.get("/audience.{form}", response_class=Response, responses=FILES)
def export_audience(
    connection: Exporting,
    scope: AskedScope,
    period: AskedPeriod,
    form: Form,
    by: Annotated[Literal["hour", "day"], Query(description="one row for each of these")] = "hour",
) -> Response:
    """Sums by site, a site's devices together; of a device its single hours, however asked for."""
    if scope.device_id is not None:
        return export_hours(connection, scope, period, form)
    wanted, columns = _by_hour(scope, period) if by == "hour" else _by_day(scope, period)
    about = f"Sums by site and {by}; days are those of {period.zone.key}."
    return _answer(
        connection, wanted, Table(_name("audience", scope, period), columns, about), form
    )


def _by_hour(scope: Scope, period: Period) -> tuple[Select[Any], list[Column]]:
    table = tables.site_hours
    within = (table.c.at >= period.start) & (table.c.at < period.end)
    return _of_sites(table, scope).where(within).order_by(table.c.at), SITE_HOURS


def _by_day(scope: Scope, period: Period) -> tuple[Select[Any], list[Column]]:
    table = tables.site_days
    within = table.c.day.between(period.first.isoformat(), period.last.isoformat())
    return _of_sites(table, scope).where(within).order_by(table.c.day), SITE_DAYS


def _of_sites(table: Any, scope: Scope) -> Select[Any]:
    sites = tables.sites
    wanted = select(table, sites.c.tenant, sites.c.site)
    wanted = wanted.join_from(table, sites, table.c.site_id == sites.c.id)
    wanted = wanted.order_by(table.c.site_id)
    return wanted.where(table.c.site_id == scope.site_id) if scope.site_id else wanted


def _name(what: str, scope: Scope, period: Period) -> str:
    parts = [what, scope.tenant, scope.site, scope.device, period.first.isoformat()]
    return "_".join([part for part in parts if part] + [period.last.isoformat()])


def _answer(connection: Connection, wanted: Select[Any], table: Table, form: Form) -> Response:
    # Asked now, so that a fault of the database is told as one, and not by a broken file.
    batches = connection.execute(wanted).mappings().partitions(ROWS)
    write, kind = (_csv, CSV) if form == "csv" else (parquet_of, PARQUET)
    headers = {"Content-Disposition": f'attachment; filename="{table.name}.{form}"'}
    return StreamingResponse(write(table, batches), headers=headers, media_type=kind)


def _csv(table: Table, batches: Iterable[Batch]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    for batch in batches:
        for row in batch:
            writer.writerow([_plain(column.of(row)) for column in table.columns])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


def parquet_of(table: Table, batches: Iterable[Batch]) -> Iterator[bytes]:
    """A table as Parquet, a row group for each batch, as it is written."""
    schema = schema_of(table.columns, table.about)
    drain = _Drain()
    with pq.ParquetWriter(drain, schema, compression="zstd") as writer:
        for batch in batches:
            values = {one.name: [one.of(row) for row in batch] for one in table.columns}
            writer.write_batch(pa.RecordBatch.from_pydict(values, schema=schema))
            yield drain.take()
    yield drain.take()


class _Drain(io.RawIOBase):
    """A file that is sent away as it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        part = bytes(content)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
