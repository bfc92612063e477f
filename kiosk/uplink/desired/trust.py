"""Whose word counts, and whether something is theirs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from kiosk.wire import Sealed, SealError, unseal

log = logging.getLogger(__name__)

REASON_MAX = 200
"""Signs of a reason that go into a health message."""


class RefusedError(Exception):
    """Something of head office is not done; ``str()`` is one sentence of at most a line."""

    def __init__(self, reason: str) -> None:
        words = " ".join(reason.split())
        super().__init__(words if len(words) <= REASON_MAX else words[: REASON_MAX - 1] + "…")


class LaterError(RefusedError):
    """The same, and another try may succeed: the fault is this device's, not head office's."""


def public_keys(paths: Sequence[Path]) -> list[Ed25519PublicKey]:
    """The keys that can be read; for each other one, a line in the log."""
    keys = []
    for path in paths:
        try:
            keys.append(_public_key(path.read_bytes()))
        except (OSError, ValueError, UnsupportedAlgorithm) as bad:
            log.error(
                'event=desired_key_unusable file=%s reason="%s": what is signed with it is not'
                " taken; put head office's public key there",
                path,
                bad,
            )
    return keys


def _public_key(pem: bytes) -> Ed25519PublicKey:
    key = load_pem_public_key(pem)
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError("it is no Ed25519 key")


def opened(
    payload: bytes, purpose: Literal["document", "command"], keys: Sequence[Ed25519PublicKey]
) -> str:
    """The text in a sealed message.

    Raises:
        RefusedError: it is no sealed message, or no key that is trusted here vouches for it.
    """
    try:
        return unseal(Sealed.model_validate_json(payload), purpose, keys)
    except ValidationError as bad:
        raise RefusedError(f"it is no sealed message: {first_fault(bad)}") from bad
    except SealError as bad:
        raise RefusedError(str(bad)) from bad


def first_fault(bad: ValidationError) -> str:
    """The first thing that does not fit, without what was given: it may be long, or secret."""
    fault = bad.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]
