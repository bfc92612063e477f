"""Sites and devices by name, and how the sites do today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from kiosk.central.reading.figures import Figure, share
from kiosk.central.reading.period import local_day
from kiosk.central.reading.sums import columns_of, total
from kiosk.central.store import tables

ALL_SITES = 0
"""The number under which the store sums up every site."""


@dataclass(frozen=True)
class Scope:
    """What figures are asked of: everything, a site, or a device.

    Attributes:
        site_id: 0: all sites.
        device_id: None: all of the site.
        tenant: empty for all sites.
        site: empty for all sites.
        device: empty for a whole site.
    """

    site_id: int = ALL_SITES
    device_id: int | None = None
    tenant: str = ""
    site: str = ""
    device: str = ""

    @property
    def name(self) -> str:
        """For reading."""
        parts = [part for part in (self.tenant, self.site, self.device) if part]
        return " / ".join(parts) or "All sites"


EVERYWHERE = Scope()


@dataclass(frozen=True)
class Place:
    """A site.

    Attributes:
        site_id: its number in the database.
        tenant: whose it is.
        site: its name.
        devices: how many devices it has.
    """

    site_id: int
    tenant: str
    site: str
    devices: int


@dataclass(frozen=True)
class SiteToday:
    """How a site does today.

    Attributes:
        place: the site.
        plays: that began, exactly.
        ots: opportunities to see; None while it has no hour of today.
        watchers: of them.
        watch_rate: watchers over opportunities; None where that cannot be told.
        attention_s: seconds that faced the screen.
    """

    place: Place
    plays: int
    ots: Figure | None
    watchers: Figure | None
    watch_rate: Figure | None
    attention_s: Figure | None


def find_scope(connection: Connection, tenant: str, site: str, device: str = "") -> Scope | None:
    """A site, or a device of it, by name; None: there is none of that name."""
    if not tenant and not site and not device:
        return EVERYWHERE
    found = connection.execute(
        select(tables.sites.c.id).where(
            tables.sites.c.tenant == tenant, tables.sites.c.site == site
        )
    ).scalar()
    if found is None or not device:
        return None if found is None else Scope(found, None, tenant, site)
    one = connection.execute(
        select(tables.devices.c.id).where(
            tables.devices.c.site_id == found, tables.devices.c.name == device
        )
    ).scalar()
    return None if one is None else Scope(found, one, tenant, site, device)


def read_places(connection: Connection) -> tuple[Place, ...]:
    """Every site, by name."""
    sites, devices = tables.sites, tables.devices
    rows = connection.execute(
        select(sites.c.id, sites.c.tenant, sites.c.site, func.count(devices.c.id))
        .select_from(sites.outerjoin(devices, devices.c.site_id == sites.c.id))
        .group_by(sites.c.id, sites.c.tenant, sites.c.site)
        .order_by(sites.c.tenant, sites.c.site)
    )
    return tuple(Place(*row) for row in rows)


def read_device_names(connection: Connection, site_id: int) -> tuple[str, ...]:
    """The devices of a site, by name."""
    names = select(tables.devices.c.name).where(tables.devices.c.site_id == site_id)
    return tuple(connection.execute(names.order_by(tables.devices.c.name)).scalars())


def read_sites(connection: Connection, now: datetime, zone: ZoneInfo) -> tuple[SiteToday, ...]:
    """Every site with its figures of today."""
    days = tables.site_days
    wanted = ("plays", "ots", "watchers", "attention_s", "device_hours", "variances")
    columns = [column for column in columns_of(days) if column.name in wanted]
    today = local_day(now, zone).isoformat()
    rows = connection.execute(
        select(days.c.site_id, *columns).where(
            and_(days.c.day == today, days.c.site_id != ALL_SITES)
        )
    ).mappings()
    by_site = {row["site_id"]: row for row in rows}
    return tuple(_today(place, by_site.get(place.site_id)) for place in read_places(connection))


def _today(place: Place, row: Mapping[Any, Any] | None) -> SiteToday:
    if row is None:
        return SiteToday(place, 0, None, None, None, None)
    sums = total([row])
    ots, watchers = sums.figure("ots"), sums.figure("watchers")
    return SiteToday(
        place,
        sums.scalars["plays"],
        ots,
        watchers,
        share(watchers, ots),
        sums.figure("attention_s"),
    )
