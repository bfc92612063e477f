"""What every handler needs: the database, the settings and the time, kept on the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, text

from kiosk.clock import Clock
from kiosk.config import Settings

PATIENCE_MS = 20_000
"""Longest query that a page or an answer is worth; above it PostgreSQL gives up."""


PLACES = 7
"""Requests that hold a connection at a time, or two: with those of exports and of sign-ins, fewer
than the 15 of SQLAlchemy's pool, so that nobody waits for a connection while holding one."""


@dataclass(frozen=True)
class Web:
    """What the application was made with.

    Attributes:
        engine: head office's database.
        settings: the whole configuration.
        clock: the time.
        https: whether browsers reach us by HTTPS, ours or that of a proxy before us.
        places: for requests that look into the database; others wait.
    """

    engine: Engine
    settings: Settings
    clock: Clock
    https: bool
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))


def web_of(request: Request) -> Web:
    """What the application of a request was made with."""
    return cast("Web", request.app.state.web)


async def place(request: Request) -> AsyncIterator[None]:
    """Wait for a place."""
    async with web_of(request).places:
        yield


Place = Annotated[None, Depends(place, scope="function")]


def reading(request: Request, _: Place) -> Iterator[Connection]:
    """A connection for looking, given back before the answer is sent."""
    with web_of(request).engine.connect() as connection:
        hurry(connection)
        yield connection


def writing(request: Request, _: Place) -> Iterator[Connection]:
    """A connection for changing something: all of it, once the answer is made, or nothing."""
    with web_of(request).engine.begin() as connection:
        hurry(connection)
        yield connection


def hurry(connection: Connection) -> None:
    """Let no query of this transaction run on after who asked has gone."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))


Here = Annotated[Web, Depends(web_of)]
Reading = Annotated[Connection, Depends(reading, scope="function")]
Writing = Annotated[Connection, Depends(writing, scope="function")]
