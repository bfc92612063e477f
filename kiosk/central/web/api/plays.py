"""Proof of play: a page of it, or all of it to take away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

import pyarrow as pa
from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import select, tuple_

from kiosk.central.reading import Scope
from kiosk.central.store import tables
from kiosk.central.web.api.asked import AskedScope, zone_of
from kiosk.central.web.api.columns import MOMENT, Column
from kiosk.central.web.api.export import CSV, FILES, PARQUET, Exporting, Table, parquet_of
from kiosk.central.web.api.hours import KINDS, key_columns, key_of, of_scope
from kiosk.central.web.api.proofs import (
    Played,
    proofs_in,
    rows_beside_hours,
    stream_played,
    stream_proofs,
)
from kiosk.central.web.api.terms import Answer, Cursor, From, Limit, Page, To, cursor_of, place_of
from kiosk.central.web.context import Here, Reading
from kiosk.proof import (
    ProofRow,
    TooManyContractsError,
    contracts_text,
    count_contracts,
    csv_text,
    openrtb_text,
)

router = APIRouter(tags=["measures"])

Form = Literal["csv", "openrtb", "parquet"]

KIND_OF: dict[Form, tuple[str, str]] = {
    "csv": (CSV, "csv"),
    "openrtb": ("application/json", "json"),
    "parquet": (PARQUET, "parquet"),
}
"""Of each form: its media type, and the ending of its file."""


class PlayOut(Answer):
    """One creative on screen, start to end."""

    tenant: str
    site: str
    device: str
    play_id: str
    creative: str
    campaign: str
    contract: str | None = Field(
        description="its id in the campaign file; null: house content, or a device that knew none"
    )
    start: datetime
    start_local: datetime = Field(description="the same in central.timezone")
    duration_s: float
    completed: bool
    presented: bool
    multiplier: float | None = Field(
        description="impressions per presented play of its hour, as published; null: the hour is"
        " not published, or without impressions, or no screen presented the play"
    )
    multiplier_sd: float | None = Field(
        description="standard deviation that privacy noise gives the multiplier"
    )
    hour_published: bool


@router.get("/plays")
def list_plays(
    *,
    web: Here,
    connection: Reading,
    scope: AskedScope,
    begin: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[PlayOut]:
    """Proof of play, play by play, in the order of devices and time.

    Whether a play lies within from and to is told by the first one of the batch that it came in;
    in an export each play tells it itself.
    """
    table = tables.play_batches
    wanted = of_scope(select(table), table, scope, begin, to)
    after = place_of(cursor, *KINDS, int)
    if after is not None:
        # The batch that the last page ended in is read again.
        wanted = wanted.where(tuple_(*key_columns(table)) >= after[:-1])
    rows = connection.execute(wanted.limit(limit + 1)).mappings().all()
    found: list[Played] = []
    following: str | None = None
    for row in rows:
        proofs = proofs_in(row["proofs"])
        again = after is not None and key_of(row) == after[:-1]
        start = max(0, after[-1]) if after is not None and again else 0
        end = start + limit - len(found)
        found += [Played(row["device_id"], proof) for proof in proofs[start:end]]
        if len(found) == limit:
            # There may be no more behind it; then the next page is empty.
            following = cursor_of((*key_of(row), min(end, len(proofs))))
            break
    told = rows_beside_hours(connection, found, zone_of(web))
    return Page(items=[PlayOut.model_validate(one) for one in told], next=following)


@router.get(
    "/plays/export",
    response_class=Response,
    responses={200: {**FILES[200], "content": {**FILES[200]["content"], "application/json": {}}}},
)
def export_plays(
    *,
    web: Here,
    connection: Exporting,
    scope: AskedScope,
    begin: From = None,
    to: To = None,
    form: Annotated[
        Form, Query(alias="format", description="openrtb: JSON in the words of OpenRTB 2.6")
    ] = "csv",
) -> Response:
    """Proof of play, with the multiplier of each play's hour as it was published.

    It is written while it is read, however long it is.
    """
    batches = stream_proofs(connection, scope, begin, to, zone_of(web))
    kind, ending = KIND_OF[form]
    name = _name(scope, begin, to)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return StreamingResponse(_text(form, name, batches), headers=headers, media_type=kind)


class ContractOut(Answer):
    """What was shown for one contract."""

    tenant: str
    campaign: str
    contract: str | None = Field(
        description="its id in the campaign file; null: house content, or a device that knew none"
    )
    plays: int = Field(description="that a screen presented and that ended as they should")
    broken_off: int = Field(description="that a screen presented, and that ended too early")
    unseen: int = Field(description="that no screen confirmed; they prove nothing")
    shown_s: float = Field(description="seconds on screen of the presented ones")
    first: datetime | None = Field(description="when the first presented one began")
    last: datetime | None = Field(description="when the last presented one began")


class ContractsOut(Answer):
    """What was shown for each contract."""

    items: list[ContractOut]


@router.get(
    "/plays/contracts",
    response_model=ContractsOut,
    responses={200: {"content": {"text/csv": {}}}},
)
def show_contracts(
    *,
    connection: Exporting,
    scope: AskedScope,
    begin: From = None,
    to: To = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Plays by contract, counted from the proofs: as exact as they are, and as slow as an export.

    House content stands there too, without a contract.
    """
    try:
        counts = count_contracts(stream_played(connection, scope, begin, to))
    except TooManyContractsError as bad:
        raise HTTPException(422, f"{bad}: ask for one site, or for fewer days") from bad
    if form == "json":
        items = [ContractOut.model_validate(one) for one in counts]
        return Response(ContractsOut(items=items).model_dump_json(), media_type="application/json")
    name = f'attachment; filename="{_name(scope, begin, to, "contracts")}.csv"'
    text = "".join(contracts_text(counts))
    return Response(text, headers={"Content-Disposition": name}, media_type=CSV)


def _text(
    form: Form, name: str, batches: Iterable[Sequence[ProofRow]]
) -> Iterator[str] | Iterator[bytes]:
    if form == "csv":
        return csv_text(batches)
    if form == "openrtb":
        return openrtb_text(batches)
    return parquet_of(Table(name, PLAYS, ABOUT), (list(map(vars, batch)) for batch in batches))


def _name(scope: Scope, begin: datetime | None, to: datetime | None, what: str = "plays") -> str:
    days = [f"{one:%Y-%m-%d}" if one is not None else "" for one in (begin, to)]
    return "_".join(part for part in (what, scope.tenant, scope.site, scope.device, *days) if part)


ABOUT = "Proof of play; multipliers carry the noise of their hour, whose deviation stands beside."

_KINDS: dict[str, tuple[pa.DataType, str]] = {
    "tenant": (pa.string(), "whose it is"),
    "site": (pa.string(), "the shop"),
    "device": (pa.string(), "the screen"),
    "play_id": (pa.string(), "names the play"),
    "creative": (pa.string(), "id in the campaign file"),
    "campaign": (pa.string(), "name of the campaign file"),
    "contract": (pa.string(), "id in the campaign file; empty: house content, or not known"),
    "start": (MOMENT, "when its first frame was presented"),
    "start_local": (pa.string(), "the same in central.timezone"),
    "duration_s": (pa.float64(), "how long it was on screen"),
    "completed": (pa.bool_(), "to its end"),
    "presented": (pa.bool_(), "a screen confirmed the first frame; else it proves nothing"),
    "multiplier": (pa.float64(), "impressions per presented play of its hour, as published"),
    "multiplier_sd": (pa.float64(), "standard deviation that noise gives the multiplier"),
    "hour_published": (pa.bool_(), "whether its hour is published"),
}


def _column(name: str, kind: pa.DataType, about: str) -> Column:
    if name == "start_local":
        return Column(name, kind, about, lambda row: row[name].isoformat(timespec="seconds"))
    return Column(name, kind, about, lambda row: row[name])


PLAYS = [_column(name, kind, about) for name, (kind, about) in _KINDS.items()]
"""One row for each play."""
