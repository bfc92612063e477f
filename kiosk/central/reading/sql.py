"""Expressions that PostgreSQL and SQLite spell differently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, case, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

WEEK_HOURS = 168
MONDAY = 3 * 24
"""Hours from the start of a week to that of 1970, which was a Thursday."""


class unix_seconds(GenericFunction[int]):  # noqa: N801 - functions of SQL are spelt like this
    """Seconds since 1970 of a moment."""

    type = BigInteger()
    inherit_cache = True


@compiles(unix_seconds)
def _unix_seconds(element: unix_seconds, compiler: SQLCompiler, **keywords: Any) -> str:
    inner = compiler.process(element.clauses, **keywords)
    return f"CAST(strftime('%s', {inner}) AS INTEGER)"


@compiles(unix_seconds, "postgresql")
def _unix_seconds_pg(element: unix_seconds, compiler: SQLCompiler, **keywords: Any) -> str:
    inner = compiler.process(element.clauses, **keywords)
    return f"CAST(extract(epoch FROM {inner}) AS bigint)"


def hour_of_week(
    moment: Column[Any], offsets: Sequence[tuple[datetime, int]]
) -> ColumnElement[int]:
    """Hours since Monday 0:00 of the place, 0 to 167.

    Args:
        moment: a column of instants.
        offsets: from when on which offset to UTC holds, in seconds, in order.
    """
    later = [(moment >= since, literal(offset)) for since, offset in reversed(offsets[1:])]
    first = literal(offsets[0][1])
    offset = case(*later, else_=first) if later else first
    return ((unix_seconds(moment) + offset) // 3600 + MONDAY) % WEEK_HOURS
