"""What every page of a signed-in user needs, in one hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from kiosk.central.reading import Device
from kiosk.central.web.auth import User, Visitor
from kiosk.central.web.context import Here, Reading, Web
from kiosk.central.web.pages.fresh import fleet_of
from kiosk.central.web.pages.render import page, zone_of


@dataclass(frozen=True)
class Desk:
    """A request for a page.

    Attributes:
        request: as it came.
        user: who asks.
        web: what the application was made with.
        connection: to look into the database with.
        now: the time.
    """

    request: Request
    user: Visitor
    web: Web
    connection: Connection
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of pages."""
        return zone_of(self.web)

    @property
    def fewer_than(self) -> int:
        """Counts below it are not shown as they are."""
        return self.web.settings.central.web.fewer_than

    def fleet(self) -> tuple[Device, ...]:
        """Every device, as of a moment ago."""
        return fleet_of(self.request, self.connection, self.web)

    def show(self, template: str, **context: Any) -> HTMLResponse:
        """The page."""
        return page(self.request, template, self.user, now=self.now, **context)


def desk(request: Request, user: User, web: Here, connection: Reading) -> Desk:
    """A request for a page, of somebody who is signed in."""
    return Desk(request, user, web, connection, web.clock.utc())


At = Annotated[Desk, Depends(desk)]
