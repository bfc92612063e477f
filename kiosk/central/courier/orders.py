"""Commands on their way into the database: what may be ordered, and of whom."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Insert, func, insert, select

from kiosk.central.courier.trail import record
from kiosk.central.store.tables import commands, devices, sites
from kiosk.errors import BadInputError
from kiosk.wire import Branch

VALID_S = 300.0
"""How long a command may wait for its device: half of what a device accepts by default."""

WAITING_MAX = 50
"""Unanswered commands of one device; more is a script that has run wild."""

ORDERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ping": {},
    "identify": {},
    "restart": {"process": ("vision", "director", "uplink", "all")},
    "reload-campaign": {},
    "rotate-certificate": {},
    "diagnose": {},
}
"""What an operator may order, with the values that each argument may have."""


def order_command(  # noqa: PLR0917 - in the order of a sentence
    connection: Connection,
    device_id: int,
    name: str,
    args: Mapping[str, str],
    by: str,
    now: datetime,
    valid_s: float = VALID_S,
) -> str:
    """Write a command down, to be signed and sent by the courier; returns its id.

    Raises:
        BadInputError: there is no such command or device, an argument does not fit, or too many
            of the device's commands are unanswered.
    """
    _check(name, args)
    branch = branch_of(connection, device_id)
    unanswered = connection.execute(
        select(func.count())
        .select_from(commands)
        .where(
            commands.c.device_id == device_id,
            commands.c.outcome.is_(None),
            commands.c.expires_at > now,
        )
    ).scalar_one()
    if unanswered >= WAITING_MAX:
        raise BadInputError(
            f"{branch}: {unanswered} commands wait for an answer already",
            hint="see whether the device is online",
        )
    command_id = secrets.token_hex(8)
    row = write_command(command_id, device_id, name, args, by=by, now=now, valid_s=valid_s)
    connection.execute(row)
    record(connection, now, who=by, action=f"order {name}", target=str(branch), detail=_shown(args))
    return command_id


def write_command(
    command_id: str,
    device_id: int,
    name: str,
    args: Mapping[str, str],
    *,
    by: str,
    now: datetime,
    valid_s: float = VALID_S,
) -> Insert:
    """The statement that writes a command down, unsent."""
    return insert(commands).values(
        id=command_id,
        device_id=device_id,
        name=name,
        args=json.dumps(dict(args), sort_keys=True),
        by=by,
        issued=now,
        expires_at=now + timedelta(seconds=valid_s),
    )


def branch_of(connection: Connection, device_id: int) -> Branch:
    """The names of a device.

    Raises:
        BadInputError: there is none.
    """
    found = connection.execute(
        select(sites.c.tenant, sites.c.site, devices.c.name)
        .join_from(devices, sites)
        .where(devices.c.id == device_id)
    ).one_or_none()
    if found is None:
        raise BadInputError(f"there is no device {device_id}")
    return Branch(*found)


def _check(name: str, args: Mapping[str, str]) -> None:
    allowed = ORDERS.get(name)
    if allowed is None:
        raise BadInputError(
            f"{name!r} is no command that can be ordered", hint=f"one of: {', '.join(ORDERS)}"
        )
    if set(args) != set(allowed):
        wanted = ", ".join(allowed) or "no argument"
        raise BadInputError(f"command {name} takes {wanted}; {_listed(args)} was given")
    for key, values in allowed.items():
        if args[key] not in values:
            raise BadInputError(
                f"command {name}: {key} {args[key]!r} is not one of {', '.join(values)}"
            )


def _listed(args: Mapping[str, str]) -> str:
    return ", ".join(sorted(args)) or "nothing"


def _shown(args: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(args.items()))
