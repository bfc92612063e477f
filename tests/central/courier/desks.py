"""A database with devices in it, and a broker of whom only the answers matter."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from kiosk.central.courier import Courier
from kiosk.central.store.tables import audit, commands, devices, sites
from kiosk.config import Settings
from kiosk.uplink import Publication
from kiosk.wire import Branch, Command, Document, Sealed, unseal
from tests.fakes import NOON


def settings_in(folder: Path, **central: Any) -> Settings:
    data = {"database": str(folder / "central.db"), "folder": str(folder / "central")} | central
    return Settings.model_validate({"central": data})


def add_device(
    connection: Connection,
    names: str = "acme/berlin-1/window",
    *,
    state: str | None = "online",
    health: str | None = None,
    at: datetime = NOON,
) -> int:
    """A device that has been heard of; returns its id."""
    tenant, site, name = names.split("/")
    wanted = select(sites.c.id).where(sites.c.tenant == tenant, sites.c.site == site)
    site_id = connection.execute(wanted).scalar()
    if site_id is None:
        row = insert(sites).values(tenant=tenant, site=site)
        site_id = connection.execute(row).inserted_primary_key[0]
    row = insert(devices).values(
        site_id=site_id, name=name, first_seen=at, seen=at, state=state, health=health
    )
    return int(connection.execute(row).inserted_primary_key[0])


def audited(engine: Engine) -> list[tuple[str, str, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(audit.c.who, audit.c.action, audit.c.target, audit.c.detail).order_by(audit.c.id)
        )
        return [tuple(row) for row in rows]


def command_row(engine: Engine, command_id: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(commands).where(commands.c.id == command_id)).one()


class Desk:
    """Where the courier hands in its messages; answers when the test says so."""

    def __init__(self, courier: Courier) -> None:
        self.courier = courier
        self.open = True
        self.taken: list[Publication] = []
        self._unanswered: list[int] = []
        self._mid = 0

    def publish(self, publication: Publication) -> int | None:
        if not self.open:
            return None
        self._mid += 1
        self.taken.append(publication)
        self._unanswered.append(self._mid)
        return self._mid

    def answer(self, refusal: str | None = None) -> None:
        """The broker answers for all that it was given."""
        mids, self._unanswered = self._unanswered, []
        for mid in mids:
            assert self.courier.answered(mid, refusal)

    def lose(self) -> None:
        self._unanswered.clear()
        self.courier.lost()

    def collect(self) -> list[Publication]:
        """What was handed in since the last time."""
        taken, self.taken = self.taken, []
        return taken


def command_in(publication: Publication, public: Any) -> Command:
    sealed = Sealed.model_validate_json(publication.payload)
    return Command.model_validate_json(unseal(sealed, "command", [public]))


def document_in(publication: Publication, public: Any) -> Document:
    sealed = Sealed.model_validate_json(publication.payload)
    return Document.model_validate_json(unseal(sealed, "document", [public]))


WINDOW = Branch("acme", "berlin-1", "window")
