"""Devices are let in, and shut out again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from kiosk.central.authority import Enrolled, make_signing_key, open_authority, parse_branch
from kiosk.central.office.pages import media_origin
from kiosk.central.store import open_database
from kiosk.central.store.tables import audit
from kiosk.clock import Clock, SystemClock
from kiosk.config import CentralSettings, Settings
from kiosk.errors import BadInputError, StateError
from kiosk.wire import Branch

EnrolledDevice = Enrolled

ADVICE = """\
# What {branch} needs to be let in, written by kiosk central enrol. device.key is secret: bring this
# folder there by a way that nobody else reads, and delete it here. Put the sections below into the
# device's config.yaml; file names start at the folder of that file.
"""


def enrol_device(
    settings: Settings,
    names: str,
    out: Path,
    *,
    again: bool = False,
    by: str = "command line",
    clock: Clock | None = None,
) -> Branch:
    """Write a folder with all that a device needs to be let in.

    It holds ``ca.crt``, ``device.crt``, ``device.key``, ``office.pub`` and ``kiosk.yaml``: sections
    for the device's configuration.

    Args:
        settings: of head office.
        names: ``tenant/site/device``.
        out: the folder, which is made; it has to be empty.
        again: the names may be taken; what the device has is revoked.
        by: who does it, for the audit.
        clock: the time; by default the machine's.

    Raises:
        BadInputError: the names do not fit or are taken, or the folder is not empty.
        StateError: a folder or the database cannot be written.
    """
    clock = clock or SystemClock()
    central = settings.central
    branch = parse_branch(names)
    _check_out(out)
    authority = open_authority(central, clock)
    make_signing_key(central.folder)
    pair = authority.enrol(branch, again=again)
    snippet = ADVICE.format(branch=branch) + yaml.safe_dump(
        _sections(settings, branch), sort_keys=False
    )
    files = (
        ("ca.crt", authority.certificate, 0o644),
        ("device.crt", pair.certificate, 0o644),
        ("device.key", pair.key, 0o600),
        ("office.pub", public_key_text(settings).encode(), 0o644),
        ("kiosk.yaml", snippet.encode(), 0o644),
    )
    try:
        _write_out(out, files)
    finally:
        # The certificate is given out, and those before it are revoked, whatever became of files.
        _note(central, clock.utc(), by, "enrol again" if again else "enrol", branch)
    return branch


def revoke_device(
    settings: Settings,
    names: str,
    *,
    keep: str | None = None,
    by: str = "command line",
    clock: Clock | None = None,
) -> int:
    """Shut a device out; returns how many of its certificates were revoked.

    The broker of ``kiosk central run`` follows within seconds, and ends the device's connection.
    Another broker has to be given the list, ``authority/revoked.crl`` in ``central.folder``.

    Args:
        settings: of head office.
        names: ``tenant/site/device``.
        keep: the number of a certificate that stays good: the device goes on with that one alone.
        by: who does it, for the audit.
        clock: the time; by default the machine's.

    Raises:
        BadInputError: the device has no valid certificate, or not the one to keep.
        StateError: the folder or the database cannot be written.
    """
    clock = clock or SystemClock()
    branch = parse_branch(names)
    count = open_authority(settings.central, clock).revoke(branch, keep=keep)
    if count:
        action = "revoke" if keep is None else "revoke former"
        _note(settings.central, clock.utc(), by, action, branch)
    return count


def enrolled_devices(settings: Settings, clock: Clock | None = None) -> list[EnrolledDevice]:
    """Every certificate that was given to a device, by names; of one device the newest last.

    Raises:
        StateError: the folder cannot be read.
    """
    return open_authority(settings.central, clock or SystemClock()).enrolled()


def public_key_text(settings: Settings) -> str:
    """The public key with which devices prove head office's word, in PEM; made on first use.

    Raises:
        StateError: the folder cannot be written.
    """
    public = make_signing_key(settings.central.folder).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _sections(settings: Settings, branch: Branch) -> dict[str, Any]:
    broker, origin = settings.central.broker, media_origin(settings)
    return {
        "device": {"tenant": branch.tenant, "site": branch.site, "name": branch.device},
        "broker": {
            "host": broker.names[0],
            "port": broker.port,
            "tls": {"ca_file": "ca.crt", "cert_file": "device.crt", "key_file": "device.key"},
        },
        "desired": {
            "public_keys": ["office.pub"],
            "media_origins": [origin] if origin is not None else [],
        },
    }


def _write_out(out: Path, files: Sequence[tuple[str, bytes, int]]) -> None:
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content, mode in files:
            path = out / name
            path.touch(mode)
            path.write_bytes(content)
    except OSError as bad:
        raise StateError(
            f"{out}: cannot be written: {bad.strerror}",
            hint="the same command again with --again, and another folder with --out",
        ) from bad


def _check_out(out: Path) -> None:
    try:
        is_taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as bad:
        raise BadInputError(f"{out}: cannot be looked into: {bad.strerror}") from bad
    if is_taken:
        raise BadInputError(f"{out}: there is something already", hint="name an empty folder")


def _note(central: CentralSettings, at: datetime, by: str, action: str, branch: Branch) -> None:
    try:
        engine = open_database(central)
        row = {"at": at, "who": by, "action": action, "target": str(branch), "detail": ""}
        with engine.begin() as connection:
            connection.execute(insert(audit).values(row))
        engine.dispose()
    except (StateError, SQLAlchemyError) as bad:
        raise StateError(
            f"{action} of {branch} is done, but the audit does not say so: {bad}",
            hint="check central.database",
        ) from bad
