"""The rounds: what is due goes to the broker, and is ticked off when the broker has it."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update

from kiosk.central.authority import Authority, find_authority, load_signing_key
from kiosk.central.courier.matching import Delivery, missing, stand
from kiosk.central.courier.rotation import answer_requests
from kiosk.central.store.tables import commands, deliveries, devices, documents, sites
from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.errors import StateError
from kiosk.uplink import Publication
from kiosk.wire import Branch, Command, seal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Between two looks for commands: somebody waits at a page."""

COMPARE_S = 5.0
"""Between two looks for documents and new devices."""

BITE = 200
"""Publications on their way at once: what devices send must not wait behind ours."""

GRACE = timedelta(seconds=60)
"""A reply to a command that was obeyed at the last moment takes that long."""

UNSAVED = timedelta(minutes=10)
"""What a broker took that long before it died may not have reached its disk (autosave)."""

REFUSED_S = 60.0
"""Pause after the broker refused a publication."""

Publish = Callable[[Publication], int | None]


class Courier:
    """Brings commands and documents to the broker; one at a time in a fleet.

    Its owner calls :meth:`due` while connected, :meth:`answered` for each answer of the broker, and
    :meth:`lost` when the connection ended.
    """

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        """Nothing is read before the first :meth:`due`."""
        self._engine = engine
        self._central = settings.central
        self._clock = clock
        self._key: Ed25519PrivateKey | None = None
        self._authority: Authority | None = None
        self._told: set[str] = set()
        self._flight: dict[int, str | Delivery] = {}  # packet id: a command's id, or a document
        self._arrived: list[str | Delivery] = []
        self._unfit: list[str] = []
        self._queue: deque[Delivery] = deque()
        self._sealed: tuple[int, bytes] = (0, b"")
        self._look_at = self._compare_at = float("-inf")
        self._compared: tuple[object, ...] | None = None
        self._doubtful = True

    def due(self, publish: Publish) -> int:
        """Send what is due, at most :data:`BITE` messages; returns how many.

        Args:
            publish: sends a message now; returns its packet id, or ``None`` when it cannot.

        Raises:
            SQLAlchemyError: the database does not answer; nothing is lost, call again.
        """
        now = self._clock.monotonic()
        if now < self._look_at:
            return 0
        self._write_down()
        self._answer_requests()
        with self._engine.connect() as connection:
            sent = self._send_commands(connection, publish)
            if now >= self._compare_at and not self._queue and not self._underway():
                self._compare(connection, now)
            sent += self._send_documents(connection, publish)
        # A queue is worked off at the pace of the owner's loop.
        self._look_at = now if self._queue else now + LOOK_S
        return sent

    def answered(self, mid: int, refusal: str | None) -> bool:
        """The broker has taken a message, or refuses it; returns whether it was one of ours."""
        item = self._flight.pop(mid, None)
        if item is None:
            return False
        if refusal is None:
            self._arrived.append(item)
            return True
        self._queue.clear()
        self._compared = None
        self._look_at = self._clock.monotonic() + REFUSED_S
        log.error(
            'event=publish_refused client=courier what="%s" reason="%s" retry_s=%g: grant head '
            "office to write kiosk/v1/+/+/+/down/# in the broker's access list",
            item.topic if isinstance(item, Delivery) else f"command {item}",
            refusal,
            REFUSED_S,
        )
        return True

    def lost(self) -> None:
        """The connection ended: what was on its way goes again, and what was sent lately."""
        self._flight.clear()
        self._queue.clear()
        self._compared = None
        self._doubtful = True

    def _write_down(self) -> None:
        now = self._clock.utc()
        with self._engine.begin() as connection:
            if self._doubtful:
                recent = deliveries.c.sent > now - UNSAVED
                connection.execute(delete(deliveries).where(recent))
            _tick_off(connection, self._arrived, now)
            late = commands.c.outcome.is_(None) & (commands.c.expires_at < now - GRACE)
            connection.execute(update(commands).where(late).values(outcome="expired"))
            unfit = update(commands).where(commands.c.id.in_(self._unfit))
            connection.execute(unfit.values(outcome="failed"))
        # Only now: a transaction that failed is made again, with all that it held.
        self._doubtful = False
        self._arrived.clear()
        self._unfit.clear()

    def _answer_requests(self) -> None:
        try:
            if self._authority is None:
                self._authority = find_authority(self._central, self._clock)
            if self._authority is not None:
                with self._engine.begin() as connection:
                    answer_requests(connection, self._authority, self._clock)
        except StateError as bad:
            self._tell("authority_unusable", bad, "no certificate is renewed")

    def _send_commands(self, connection: Connection, publish: Publish) -> int:
        flying = {item for item in self._flight.values() if isinstance(item, str)}
        sent = 0
        for row in _unsent(connection, self._clock):
            if row.id in flying or len(self._flight) >= BITE:
                continue
            key = self._signing_key()
            if key is None:
                break
            try:
                publication = _command(row, key)
            except ValueError as bad:
                # Nothing of ours writes such a row; one that is there must not stop the others.
                log.warning('event=command_unfit id=%s reason="%s": not sent', row.id, bad)
                self._unfit.append(row.id)
                continue
            mid = publish(publication)
            if mid is None:
                break
            self._flight[mid] = row.id
            sent += 1
        return sent

    def _compare(self, connection: Connection, now: float) -> None:
        found = stand(connection)
        if found != self._compared:
            self._queue.extend(missing(connection, self._underway()))
        if not self._queue:
            self._compared = found
            self._compare_at = now + COMPARE_S

    def _send_documents(self, connection: Connection, publish: Publish) -> int:
        sent = 0
        while self._queue and len(self._flight) < BITE and sent < BITE:
            item = self._queue[0]
            content = self._content(connection, item.document_id)
            mid = publish(Publication(item.topic, content, retain=True))
            if mid is None:
                break
            self._queue.popleft()
            self._flight[mid] = item
            sent += 1
        return sent

    def _content(self, connection: Connection, document_id: int) -> bytes:
        if self._sealed[0] != document_id:
            wanted = select(documents.c.sealed).where(documents.c.id == document_id)
            self._sealed = (document_id, connection.execute(wanted).scalar_one().encode())
        return self._sealed[1]

    def _underway(self) -> list[Delivery]:
        return [item for item in self._flight.values() if isinstance(item, Delivery)]

    def _signing_key(self) -> Ed25519PrivateKey | None:
        if self._key is None:
            try:
                self._key = load_signing_key(self._central.folder)
            except StateError as bad:
                self._tell("signing_key_missing", bad, "no command is sent")
        return self._key

    def _tell(self, event: str, bad: StateError, so: str) -> None:
        if event not in self._told:
            self._told.add(event)
            log.error(
                'event=%s reason="%s": %s; run the worker of slot 1 as the user and on the machine'
                " that hold central.folder",
                event,
                bad,
                so,
            )


def _tick_off(connection: Connection, items: Sequence[str | Delivery], now: datetime) -> None:
    ordered = [item for item in items if isinstance(item, str)]
    if ordered:
        sent = update(commands).where(commands.c.id.in_(ordered))
        connection.execute(sent.values(sent=now))
    # Of two for one topic, the broker keeps the later one.
    kept = {(item.device_id, item.kind): item for item in items if isinstance(item, Delivery)}
    if kept:
        before = delete(deliveries).where(
            deliveries.c.device_id == bindparam("of_device"), deliveries.c.kind == bindparam("of")
        )
        connection.execute(before, [{"of_device": device, "of": kind} for device, kind in kept])
        connection.execute(
            insert(deliveries),
            [
                {"device_id": device, "kind": kind, "document_id": item.document_id, "sent": now}
                for (device, kind), item in kept.items()
            ],
        )


def _unsent(connection: Connection, clock: Clock) -> list[Row[Any]]:
    wanted = (
        select(commands, sites.c.tenant, sites.c.site, devices.c.name.label("device"))
        .join_from(commands, devices)
        .join(sites)
        .where(
            commands.c.sent.is_(None),
            commands.c.outcome.is_(None),
            commands.c.expires_at > clock.utc(),
            # The broker keeps no command for a device that is away; ours waits for it here.
            devices.c.state == "online",
        )
        .order_by(commands.c.issued)
        .limit(BITE)
    )
    return list(connection.execute(wanted).all())


def _command(row: Row[Any], key: Ed25519PrivateKey) -> Publication:
    branch = Branch(row.tenant, row.site, row.device)
    body = Command(
        id=row.id,
        target=str(branch),
        name=row.name,
        args=json.loads(row.args),
        issued=row.issued,
        expires_at=row.expires_at,
    )
    text = body.encode().decode()
    return Publication(branch.topic("down/command"), seal(text, "command", key).encode())
