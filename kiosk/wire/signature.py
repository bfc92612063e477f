"""Ed25519 signatures (RFC 8032) over what head office says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from kiosk.wire.documents import Sealed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

Purpose = Literal["document", "command"]


class SealError(ValueError):
    """A signature that no known key made; ``str()`` is one sentence."""


def key_id(public: Ed25519PublicKey) -> str:
    """Short name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def seal(body: str, purpose: Purpose, private: Ed25519PrivateKey) -> Sealed:
    """Sign a text for one purpose; it is no good for the other."""
    signature = private.sign(_signed(body, purpose))
    return Sealed(
        body=body,
        key=key_id(private.public_key()),
        signature=base64.b64encode(signature).decode("ascii"),
    )


def unseal(sealed: Sealed, purpose: Purpose, trusted: Sequence[Ed25519PublicKey]) -> str:
    """The text, once a trusted key vouches for it.

    Raises:
        SealError: no trusted key does.
    """
    # Only who receives pays for the library: payloads are also read where it is not installed.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    keys = [public for public in trusted if key_id(public) == sealed.key]
    if not keys:
        raise SealError(f"signed with key {sealed.key}, which is not trusted here")
    try:
        keys[0].verify(base64.b64decode(sealed.signature), _signed(sealed.body, purpose))
    except InvalidSignature as bad:
        raise SealError("its signature does not fit: it was altered on its way") from bad
    return sealed.body


def _signed(body: str, purpose: Purpose) -> bytes:
    # One key signs both, so each signature says what it is for.
    return f"kiosk/v1/{purpose}\n".encode() + body.encode()
