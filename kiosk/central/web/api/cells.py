"""Rows of integers, with the labels of their cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from kiosk import terms
from kiosk.central.store import tables

GENDERS = (*terms.GENDERS, terms.UNKNOWN)
BANDS = (*terms.AGE_BANDS, terms.UNKNOWN)
MOODS = (*terms.MOODS, terms.UNKNOWN)

IDS_MAX = 10_000
"""Numbers of one question; SQLite takes 32,766 values."""


def grid(cells: Sequence[int] | None, bands: str) -> dict[str, dict[str, int]] | None:
    """Cells by age band and gender.

    Args:
        cells: band by band; ``None``: not published.
        bands: their labels, joined by commas.
    """
    if cells is None:
        return None
    rows = split(cells, len(bands.split(",")))
    return {
        band: dict(zip(GENDERS, row or (), strict=False))
        for band, row in zip(bands.split(","), rows, strict=False)
    }


def labelled(cells: Sequence[int] | None, labels: Sequence[str]) -> dict[str, int] | None:
    """Cells of one row; ``None``: not published."""
    return None if cells is None else dict(zip(labels, cells, strict=False))


def split(cells: Sequence[int] | None, parts: int) -> list[Sequence[int] | None]:
    """Cells in so many equal parts; each ``None`` where they are not published."""
    if cells is None or not parts:
        return [None] * parts
    width = len(cells) // parts
    return [cells[start : start + width] for start in range(0, width * parts, width or 1)]


def creative_names(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The names of creatives, by their numbers."""
    creatives = tables.creatives
    wanted = sorted(ids)
    found: dict[int, str] = {}
    for start in range(0, len(wanted), IDS_MAX):
        some = creatives.c.id.in_(wanted[start : start + IDS_MAX])
        rows = connection.execute(select(creatives.c.id, creatives.c.name).where(some))
        found.update((row.id, row.name) for row in rows)
    return found
