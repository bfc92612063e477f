"""Configurations and campaigns on their way into the database: numbered, signed, kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import Connection, delete, func, insert, select, text

from kiosk.central.courier.trail import record
from kiosk.central.store.tables import deliveries, devices, documents
from kiosk.errors import BadInputError
from kiosk.wire import (
    DOCUMENT_MAX_BYTES,
    Document,
    DocumentKind,
    Medium,
    Sealed,
    SealError,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PLAUSIBLE = 1_000_000
"""A device's word on numbers is believed this far above our own: a forged one must not use up all
the numbers there are."""


@dataclass(frozen=True)
class Draft:
    """A document that has no number yet.

    Attributes:
        target: ``tenant/site/device``, where ``*`` stands for any one name.
        content: sections of the configuration, or a campaign file; empty takes back what was sent.
    """

    kind: DocumentKind
    target: str
    content: Mapping[str, Any]
    media: Sequence[Medium] = ()


def publish_document(
    connection: Connection, draft: Draft, by: str, now: datetime, private: Ed25519PrivateKey
) -> int:
    """Number, sign and keep a document; the courier brings it to every device that it means.

    Of the documents that mean a device, the one with the highest number counts. Returns the number.

    Raises:
        BadInputError: the draft does not fit the published schema, or is too large.
    """
    _one_at_a_time(connection)
    version = _highest(connection, draft.kind) + 1
    try:
        document = Document(
            kind=draft.kind,
            target=draft.target,
            version=version,
            issued=now,
            content=dict(draft.content),
            media=tuple(draft.media),
        )
        body = document.encode().decode()
    except ValidationError as bad:
        raise BadInputError(_sentence(draft.kind, bad)) from bad
    except ValueError as bad:
        # Dates and sets are YAML and not JSON.
        raise BadInputError(f"{draft.kind}: its content cannot be written as JSON: {bad}") from bad
    _check_size(draft.kind, body)
    _keep(connection, document, seal(body, "document", private), by, now)
    return version


def file_sealed(
    connection: Connection,
    sealed: Sealed,
    by: str,
    now: datetime,
    trusted: Sequence[Ed25519PublicKey],
) -> int:
    """Keep a document that was numbered and signed elsewhere; returns its number.

    Raises:
        BadInputError: no trusted key signed it, it does not fit the published schema, or a document
            of its kind has that number or a higher one.
    """
    try:
        document = Document.model_validate_json(unseal(sealed, "document", trusted))
    except SealError as bad:
        raise BadInputError(f"the document is {bad}") from bad
    except ValidationError as bad:
        raise BadInputError(_sentence("document", bad)) from bad
    _check_size(document.kind, sealed.body)
    _one_at_a_time(connection)
    highest = _highest(connection, document.kind)
    if document.version <= highest:
        raise BadInputError(
            f"{document.kind} {document.version}: devices know of number {highest} already",
            hint=f"number it {highest + 1}",
        )
    _keep(connection, document, sealed, by, now)
    return document.version


def forget_deliveries(connection: Connection) -> None:
    """Have every document brought to the broker again, which has lost what it kept."""
    connection.execute(delete(deliveries))


def _one_at_a_time(connection: Connection) -> None:
    # SQLite has one writer anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE documents IN SHARE ROW EXCLUSIVE MODE"))


def _highest(connection: Connection, kind: str) -> int:
    """The highest number that this database or any device knows of.

    After a lost or restored database devices may know of higher ones, and would refuse ours.
    """
    newest = func.max(documents.c.version)
    known = connection.execute(select(newest).where(documents.c.kind == kind)).scalar_one() or 0
    reported = _reported(connection, kind)
    return max([known, *(number for number in reported if number <= known + PLAUSIBLE)])


def _reported(connection: Connection, kind: str) -> Iterator[int]:
    said = connection.execute(select(devices.c.health).where(devices.c.health.is_not(None)))
    for (health,) in said:
        state = json.loads(health).get(kind)
        if isinstance(state, dict):
            yield from (
                number
                for number in (state.get("version"), state.get("refused"))
                if isinstance(number, int)
            )


def _keep(
    connection: Connection, document: Document, sealed: Sealed, by: str, now: datetime
) -> None:
    connection.execute(
        insert(documents).values(
            kind=document.kind,
            target=document.target,
            version=document.version,
            sealed=sealed.encode().decode(),
            created=now,
            by=by,
        )
    )
    detail = f"number {document.version}"
    if not document.content:
        detail += ", empty: back to the devices' own"
    action = f"publish {document.kind}"
    record(connection, now, who=by, action=action, target=document.target, detail=detail)


def _check_size(kind: str, body: str) -> None:
    size = len(body.encode())
    if size > DOCUMENT_MAX_BYTES:
        raise BadInputError(
            f"{kind}: it takes {size} bytes, and a document may take {DOCUMENT_MAX_BYTES}",
            hint="leave out what is as devices have it",
        )


def _sentence(what: str, bad: ValidationError) -> str:
    fault = bad.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "(document)"
    return f"{what}: {where}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
