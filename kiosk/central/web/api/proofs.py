"""Proof of play beside what was published of each hour, some batches at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Select, and_, or_, select

from kiosk.central.reading import Scope
from kiosk.central.store import tables
from kiosk.central.web.api.hours import of_scope, places_of
from kiosk.central.web.api.noise import impressions_variance
from kiosk.proof import PlayedHour, ProofRow, hour_of, proof_row
from kiosk.wire import EarlierPlayProof, PlayProof

BATCHES = 100
"""Batches in memory at a time; the largest hold 500 plays each, most hold a minute's."""

LONGEST = timedelta(days=60)
"""Between the first and the last play of a batch. Devices put no more than a day into one; those of
a version before put what had waited while they were off into one with the new. What lies longer
back need not be looked at, month by month."""

HOURS_ASKED = 1000
"""Hours of one question; plays of liars may lie anywhere."""

_PROOFS: TypeAdapter[list[PlayProof] | list[EarlierPlayProof]] = TypeAdapter(
    list[PlayProof] | list[EarlierPlayProof]
)

HourKey = tuple[int, datetime]
"""A device and an hour of it."""


class Played(NamedTuple):
    """A play and the number of its device."""

    device_id: int
    proof: PlayProof


def proofs_in(kept: str) -> list[PlayProof]:
    """The plays of a batch, as its row keeps them."""
    return [
        proof if isinstance(proof, PlayProof) else PlayProof(**proof.model_dump(), contract=None)
        for proof in _PROOFS.validate_json(kept)
    ]


def stream_proofs(
    connection: Connection,
    scope: Scope,
    begin: datetime | None,
    to: datetime | None,
    zone: ZoneInfo,
) -> Iterator[list[ProofRow]]:
    """Plays of a scope that began within a time, in the order of devices and time.

    Args:
        connection: streams; other questions are asked over it meanwhile.
        scope: whose plays.
        begin: the first instant.
        to: the first instant that is left out.
        zone: of the clock on the wall.

    Raises:
        SQLAlchemyError: at once, if the question cannot be asked at all.
    """
    parts = _parts(connection, scope, begin, to)
    return (rows_beside_hours(connection, part, zone) for part in parts)


def stream_played(
    connection: Connection, scope: Scope, begin: datetime | None, to: datetime | None
) -> Iterator[tuple[str, PlayProof]]:
    """The same plays, each with its tenant and without what was published of its hour.

    Raises:
        SQLAlchemyError: at once, if the question cannot be asked at all.
    """
    parts = _parts(connection, scope, begin, to)
    return (one for part in parts for one in _with_tenants(connection, part))


def _with_tenants(
    connection: Connection, played: Sequence[Played]
) -> Iterator[tuple[str, PlayProof]]:
    places = places_of(connection, {one.device_id for one in played})
    return ((places[one.device_id]["tenant"], one.proof) for one in played)


def _parts(
    connection: Connection, scope: Scope, begin: datetime | None, to: datetime | None
) -> Iterator[list[Played]]:
    # Asked now, so that a fault of the database is told as one, and not by a broken file.
    wanted = _batches(scope, begin, to).execution_options(yield_per=BATCHES)
    parts = connection.execute(wanted).partitions(BATCHES)
    return (_played_in(part, begin, to) for part in parts)


def _batches(scope: Scope, begin: datetime | None, to: datetime | None) -> Select[Any]:
    table = tables.play_batches
    wanted = of_scope(select(table.c.device_id, table.c.proofs), table, scope, None, to)
    if begin is None:
        return wanted
    of_before = and_(table.c.until.is_(None), table.c.at >= begin)
    within = or_(table.c.until >= begin, of_before)
    return wanted.where(table.c.at >= begin - LONGEST, within)


def _played_in(
    batches: Sequence[Row[Any]], begin: datetime | None, to: datetime | None
) -> list[Played]:
    return [
        Played(batch.device_id, proof)
        for batch in batches
        for proof in proofs_in(batch.proofs)
        if (begin is None or proof.start >= begin) and (to is None or proof.start < to)
    ]


def rows_beside_hours(
    connection: Connection, played: Sequence[Played], zone: ZoneInfo
) -> list[ProofRow]:
    """Each play with its place and the multiplier of its hour."""
    places = places_of(connection, {one.device_id for one in played})
    hours = _published(connection, {(one.device_id, hour_of(one.proof.start)) for one in played})
    return [
        proof_row(
            _place(places[device_id]), proof, hours.get((device_id, hour_of(proof.start))), zone
        )
        for device_id, proof in played
    ]


def _place(found: Mapping[str, str]) -> tuple[str, str, str]:
    return found["tenant"], found["site"], found["device"]


def _published(connection: Connection, wanted: set[HourKey]) -> dict[HourKey, PlayedHour]:
    """What was published of these hours; two lives of a state file may each have told of one."""
    found: dict[HourKey, PlayedHour] = {}
    table = tables.hours
    columns = (table.c.device_id, table.c.at, table.c.plays, table.c.impressions, table.c.scales)
    of_device: dict[int, list[datetime]] = {}
    for device_id, at in sorted(wanted):
        of_device.setdefault(device_id, []).append(at)
    for device_id, times in of_device.items():
        for some in _bites(times):
            rows = connection.execute(
                select(*columns).where(
                    table.c.device_id == device_id, table.c.at.in_(some), table.c.dated
                )
            )
            for row in rows:
                one = PlayedHour(row.plays, row.impressions, impressions_variance(row.scales))
                before = found.get((device_id, row.at))
                found[device_id, row.at] = one if before is None else before + one
    return found


def _bites(times: Sequence[datetime]) -> Iterable[Sequence[datetime]]:
    return (times[at : at + HOURS_ASKED] for at in range(0, len(times), HOURS_ASKED))
