"""Configurations and campaigns that devices are to run."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import Field
from sqlalchemy import select

from kiosk.central.authority import load_public_key
from kiosk.central.courier import file_sealed
from kiosk.central.store import tables
from kiosk.central.web.api.terms import Answer, BigId, Cursor, Limit, Page, cut, place_of
from kiosk.central.web.auth import OperatingCaller
from kiosk.central.web.context import Here, Reading, Web, Writing
from kiosk.errors import BadInputError
from kiosk.wire import DocumentKind, Sealed

router = APIRouter(prefix="/documents", tags=["operations"])

PUBLIC_KEY = "keys/office.pub"
"""Within central.folder: the key that devices trust, which is made at the first start."""


class DocumentRow(Answer):
    """A document, without its content."""

    id: int
    kind: str
    target: str = Field(description="tenant/site/device, where * stands for any one name")
    version: int
    created: datetime
    by: str


class DocumentOut(DocumentRow):
    """A document as devices get it."""

    sealed: Sealed


@router.get("")
def list_documents(
    connection: Reading,
    kind: Annotated[DocumentKind | None, Query(description="only of this kind")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DocumentRow]:
    """Documents, newest first; of those that mean a device, that of the highest number counts."""
    documents = tables.documents
    columns = [documents.c[name] for name in DocumentRow.model_fields]
    wanted = select(*columns).order_by(documents.c.id.desc()).limit(limit + 1)
    if kind is not None:
        wanted = wanted.where(documents.c.kind == kind)
    after = place_of(cursor, int)
    if after is not None:
        wanted = wanted.where(documents.c.id < after[0])
    rows, following = cut(connection.execute(wanted).all(), limit, lambda row: (row.id,))
    return Page(items=[DocumentRow.model_validate(row) for row in rows], next=following)


@router.get("/{id}")
def show_document(
    _: OperatingCaller,
    connection: Reading,
    id: Annotated[BigId, Path()],  # noqa: A002
) -> DocumentOut:
    """A document with its content; a configuration may tell more than a viewer should know."""
    documents = tables.documents
    row = connection.execute(select(documents).where(documents.c.id == id)).mappings().one_or_none()
    if row is None:
        raise HTTPException(404, f"there is no document {id}")
    return DocumentOut.model_validate({**row, "sealed": json.loads(row["sealed"])})


@router.post("", status_code=201)
def file_document(
    web: Here, user: OperatingCaller, connection: Writing, sealed: Sealed, response: Response
) -> DocumentRow:
    """Publish a document that was numbered and signed where the signing key is.

    It has to be signed by head office's key, and numbered higher than every one of its kind.
    """
    trusted = _trusted(web)
    version = file_sealed(connection, sealed, user.name, web.clock.utc(), trusted)
    documents = tables.documents
    kind = json.loads(sealed.body)["kind"]
    columns = [documents.c[name] for name in DocumentRow.model_fields]
    row = connection.execute(
        select(*columns).where(documents.c.kind == kind, documents.c.version == version)
    ).one()
    response.headers["Location"] = f"/api/v1/documents/{row.id}"
    return DocumentRow.model_validate(row)


def _trusted(web: Web) -> list[Ed25519PublicKey]:
    path = web.settings.central.folder / PUBLIC_KEY
    try:
        return [load_public_key(path)]
    except BadInputError as bad:
        raise HTTPException(503, f"head office has no key of its own yet: {bad}") from bad
