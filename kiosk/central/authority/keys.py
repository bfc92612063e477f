"""The key with which head office signs what devices are told (Ed25519, RFC 8032)."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from kiosk.central.authority.files import PUBLIC, SECRET, locked, make_folder, read_file, write_file
from kiosk.errors import BadInputError, StateError

PRIVATE_FILE = "signing.key"
PUBLIC_FILE = "office.pub"


def make_signing_key(folder: Path) -> Ed25519PrivateKey:
    """The signing key of head office, made on first use.

    Args:
        folder: ``central.folder``.

    Raises:
        StateError: the folder cannot be written, or the key that is there cannot be used.
    """
    keys = folder / "keys"
    make_folder(keys)
    with locked(keys / "lock"):
        if (keys / PRIVATE_FILE).exists():
            private = load_signing_key(folder)
        else:
            private = Ed25519PrivateKey.generate()
            content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_file(keys / PRIVATE_FILE, content, SECRET)
        public = public_pem(private)
        if not (keys / PUBLIC_FILE).exists() or read_file(keys / PUBLIC_FILE) != public:
            write_file(keys / PUBLIC_FILE, public, PUBLIC)
    return private


def load_signing_key(folder: Path) -> Ed25519PrivateKey:
    """The signing key of head office.

    Args:
        folder: ``central.folder``.

    Raises:
        StateError: it is not there or cannot be used.
    """
    path = folder / "keys" / PRIVATE_FILE
    content = read_file(path)
    try:
        private = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise StateError(f"{path}: not a private key in PEM") from bad
    if not isinstance(private, Ed25519PrivateKey):
        raise StateError(f"{path}: not an Ed25519 key")
    return private


def load_public_key(path: Path) -> Ed25519PublicKey:
    """A public key in PEM.

    Raises:
        BadInputError: the file cannot be read or is no Ed25519 public key.
    """
    try:
        public = load_pem_public_key(path.read_bytes())
    except OSError as bad:
        raise BadInputError(f"{path}: cannot be read: {bad.strerror or bad}") from bad
    except (ValueError, UnsupportedAlgorithm) as bad:
        raise BadInputError(f"{path}: not a public key in PEM") from bad
    if not isinstance(public, Ed25519PublicKey):
        raise BadInputError(f"{path}: not an Ed25519 key")
    return public


def public_pem(private: Ed25519PrivateKey) -> bytes:
    """The public half, in PEM."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
