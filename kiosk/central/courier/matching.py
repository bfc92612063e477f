"""Which document each device should find on its topic, and which it does not find there yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kiosk.central.store.tables import deliveries, devices, documents, sites
from kiosk.wire import Branch, DocumentKind

LEAVES: dict[DocumentKind, str] = {"config": "down/config", "campaign": "down/campaigns"}
"""Where each kind is kept at the broker."""


@dataclass(frozen=True)
class Delivery:
    """A document for one device."""

    device_id: int
    kind: DocumentKind
    document_id: int
    branch: Branch

    @property
    def topic(self) -> str:
        """The retained topic."""
        return self.branch.topic(LEAVES[self.kind])


def stand(connection: Connection) -> tuple[object, ...]:
    """What changes when there is a new document or device, or when deliveries were forgotten."""
    newest = select(
        select(func.max(documents.c.id)).scalar_subquery(),
        select(func.max(devices.c.id)).scalar_subquery(),
        select(func.count()).select_from(deliveries).scalar_subquery(),
    )
    return tuple(connection.execute(newest).one())


def missing(connection: Connection, underway: Collection[Delivery]) -> list[Delivery]:
    """Devices at whose topic another document is kept than the newest that means them."""
    newest = _newest(connection)
    if not newest:
        return []
    held = {
        (row.device_id, row.kind): row.document_id for row in connection.execute(select(deliveries))
    }
    held |= {(item.device_id, item.kind): item.document_id for item in underway}
    everyone = select(devices.c.id, sites.c.tenant, sites.c.site, devices.c.name)
    found = []
    for row in connection.execute(everyone.join_from(devices, sites).order_by(devices.c.id)):
        branch = Branch(row.tenant, row.site, row.name)
        for kind in LEAVES:
            document = _best(newest, kind, branch)
            if document is not None and held.get((row.id, kind)) != document:
                found.append(Delivery(row.id, kind, document, branch))
    return found


_Newest = dict[tuple[str, str], tuple[int, int]]


def _newest(connection: Connection) -> _Newest:
    """Number and id of the newest document, by kind and target."""
    rows = connection.execute(
        select(documents.c.kind, documents.c.target, documents.c.version, documents.c.id).order_by(
            documents.c.version
        )
    )
    return {(row.kind, row.target): (row.version, row.id) for row in rows}


def _best(newest: _Newest, kind: str, branch: Branch) -> int | None:
    targets = (
        f"{tenant}/{site}/{device}"
        for tenant in (branch.tenant, "*")
        for site in (branch.site, "*")
        for device in (branch.device, "*")
    )
    found = [newest[kind, target] for target in targets if (kind, target) in newest]
    return max(found)[1] if found else None
