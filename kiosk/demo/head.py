"""What the demo needs of head office, in one place."""

from __future__ import annotations

from sqlalchemy import Engine

from kiosk.central.authority import make_signing_key
from kiosk.central.store import Entry, open_database, write
from kiosk.clock import Clock

__all__ = [
    "Entry",
    "add_user",
    "make_signing_key",
    "open_database",
    "write",
]


def add_user(engine: Engine, name: str, password: str, clock: Clock) -> None:
    """Let an operator in."""
    # The pages' libraries take longer to load than the demo's screen should wait.
    from kiosk.central.web import add_user as add  # noqa: PLC0415

    add(engine, name, "operator", password, clock)
