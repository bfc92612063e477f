"""Which document of a kind is at work here, and which later one is not."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from kiosk.uplink.desired.trust import RefusedError, first_fault, opened
from kiosk.wire import Branch, Document, DocumentHealth, DocumentKind, is_for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """A document that is head office's and for this device.

    Attributes:
        document: what it says.
        digest: SHA-256 of what was signed, in hexadecimal digits.
    """

    document: Document
    digest: str


def read_document(
    payload: bytes, kind: DocumentKind, keys: Sequence[Ed25519PublicKey], branch: Branch
) -> Given:
    """The document in a message.

    Raises:
        RefusedError: it is not signed, no document, of another kind or for another device.
    """
    body = opened(payload, "document", keys)
    try:
        document = Document.model_validate_json(body)
    except ValidationError as bad:
        raise RefusedError(f"it is no document: {first_fault(bad)}") from bad
    if document.kind != kind:
        raise RefusedError(f"it is a {document.kind}, where a {kind} is expected")
    if not is_for(document.target, branch):
        raise RefusedError(f"it is for {document.target}, and this is {branch}")
    return Given(document, hashlib.sha256(body.encode()).hexdigest())


class Standing:
    """What is installed of one kind, and what became of the last document that came.

    Attributes:
        version: of the document that is at work; 0: the device's own file.
        name: of the campaign at work.
    """

    def __init__(self, kind: DocumentKind, version: int = 0, digest: str = "") -> None:
        """Remember what was installed before.

        Args:
            kind: of which documents.
            version: the last one that was installed.
            digest: of what was signed then; empty: take that version once more.
        """
        self.version = version
        self.name = ""
        self._kind = kind
        self._installed = version
        self._digest = digest
        self._refused: tuple[int | None, str] | None = None
        self._told: tuple[int | None, str] | None = None

    def weigh(self, given: Given) -> bool:
        """Whether a document is to be installed; the installed one again is nothing new.

        Raises:
            RefusedError: an earlier version, or the same one with other content.
        """
        version = given.document.version
        if version < self._installed:
            raise RefusedError(f"version {version} is older than {self._installed}, which is here")
        if version > self._installed or not self._digest:
            return True
        if given.digest != self._digest:
            raise RefusedError(f"version {version} is here already, with other content")
        self._refused = None
        return False

    def install(self, given: Given, *, name: str = "", at_work: bool = True) -> None:
        """A document is on the disk.

        Args:
            given: the document.
            name: of the campaign.
            at_work: it is used from now on; otherwise, after a restart.
        """
        self._installed, self._digest = given.document.version, given.digest
        self._refused = self._told = None
        if at_work:
            self.version, self.name = given.document.version, name
        log.info("event=document_installed kind=%s version=%d", self._kind, self._installed)

    def refuse(self, version: int | None, reason: str) -> None:
        """A document is not used; what was at work still is."""
        self._refused = (version, reason)
        if self._told != self._refused:
            self._told = self._refused
            log.warning(
                'event=document_refused kind=%s version=%s reason="%s": version %d stays at work;'
                " publish one that is right",
                self._kind,
                version if version is not None else "unknown",
                reason,
                self.version,
            )

    def wait(self, version: int, reason: str) -> None:
        """A document is not used yet."""
        self._refused = (version, reason)

    def health(self) -> DocumentHealth:
        """As head office is told it."""
        refused, reason = self._refused or (None, None)
        return DocumentHealth(version=self.version, name=self.name, refused=refused, reason=reason)
