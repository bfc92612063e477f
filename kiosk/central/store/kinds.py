"""Types of columns that PostgreSQL has and a file has not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeDecorator, TypeEngine


class Moment(TypeDecorator[datetime]):
    """An instant: ``timestamptz``, or ISO text in UTC whose order is that of time."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A real instant where the database has one."""
        kind: TypeEngine[Any] = DateTime(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses a time without a zone."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)


class Integers(TypeDecorator[list[int]]):
    """A row of integers: ``bigint[]``, or a JSON list."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A real array where the database has one."""
        kind: TypeEngine[Any] = ARRAY(BigInteger) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: list[int] | None, dialect: Dialect) -> Any:
        """As it is, or as JSON."""
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(value, separators=(",", ":"))

    def result_processor(
        self, dialect: Dialect, _kind: object
    ) -> Callable[[Any], list[int] | None] | None:
        """A list: the driver's own, or from JSON."""
        if dialect.name == "postgresql":
            return None
        return lambda value: None if value is None else json.loads(value)
