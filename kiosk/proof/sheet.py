"""Proof of play as CSV (RFC 4180), in UTF-8 without a byte-order mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from kiosk.clock import iso
from kiosk.proof.contracts import ContractPlays
from kiosk.proof.rows import ProofRow

COLUMNS = tuple(field.name for field in fields(ProofRow))

CONTRACT_COLUMNS = tuple(field.name for field in fields(ContractPlays))

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for a formula (OWASP, *CSV Injection*)."""


def csv_text(batches: Iterable[Sequence[ProofRow]]) -> Iterator[str]:
    """A table with a heading, piece by piece.

    Campaign files allow few names that a spreadsheet takes for a formula, but head office takes any
    text from a device that has a certificate. Such a one gets an apostrophe before it.
    """
    return _table(COLUMNS, batches)


def contracts_text(counts: Sequence[ContractPlays]) -> Iterator[str]:
    """The same of what contracts were given, a row for each."""
    return _table(CONTRACT_COLUMNS, [counts])


def _table(columns: Sequence[str], batches: Iterable[Sequence[Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for batch in batches:
        writer.writerows([_cell(getattr(row, name)) for name in columns] for row in batch)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # An offset of nothing is written as Z, which is what UTC is called.
        return value.isoformat(timespec="seconds") if value.utcoffset() else iso(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value
