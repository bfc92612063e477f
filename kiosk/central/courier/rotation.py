"""Devices that ask for a new certificate get it, as a command of its own."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy import Connection, select

from kiosk.central.authority import Authority
from kiosk.central.courier.orders import VALID_S, branch_of, write_command
from kiosk.central.courier.trail import record
from kiosk.central.store.tables import commands
from kiosk.clock import Clock
from kiosk.errors import BadInputError
from kiosk.wire import Reply

log = logging.getLogger(__name__)

BY = "courier"

ANSWERED_WITHIN = timedelta(hours=1)
"""A request that is older belongs to a rotation that was given up."""


def answer_requests(connection: Connection, authority: Authority, clock: Clock) -> int:
    """Sign the requests that came as replies to ``rotate-certificate``; returns how many.

    The broker vouches for who sent them. Each request is answered once, over crashes too: the
    answer's id follows from the request's.

    Raises:
        StateError: the authority's folder cannot be written; they are answered another time.
    """
    now = clock.utc()
    rows = connection.execute(
        select(commands.c.id, commands.c.device_id, commands.c.reply).where(
            commands.c.name == "rotate-certificate",
            commands.c.outcome == "done",
            commands.c.replied > now - ANSWERED_WITHIN,
        )
    ).all()
    answered = 0
    for row in rows:
        answer = answer_id(row.id)
        if _is_there(connection, answer):
            continue
        branch = branch_of(connection, row.device_id)
        args, valid_s = {}, 0.0
        try:
            args["certificate"] = authority.sign_request(branch, _request(row.reply)).decode()
        except BadInputError as bad:
            action, detail = "refuse certificate", str(bad)
            log.warning(
                'event=certificate_refused device=%s reason="%s": order its rotation again, or '
                "enrol it anew",
                branch,
                bad,
            )
        else:
            action, detail, valid_s = "issue certificate", f"asked by {row.id}", VALID_S
            answered += 1
        connection.execute(
            write_command(
                answer, row.device_id, "install-certificate", args, by=BY, now=now, valid_s=valid_s
            ).values(outcome=None if args else "failed")
        )
        record(connection, now, who=BY, action=action, target=str(branch), detail=detail)
    return answered


def answer_id(command_id: str) -> str:
    """The id of the command that answers a request."""
    return hashlib.sha256(f"certificate for {command_id}".encode()).hexdigest()[:16]


def _is_there(connection: Connection, command_id: str) -> bool:
    found = connection.execute(select(commands.c.id).where(commands.c.id == command_id))
    return found.first() is not None


def _request(reply: str | None) -> bytes:
    try:
        data = Reply.model_validate_json(reply or "").data
    except ValidationError as bad:
        raise BadInputError("its reply cannot be read") from bad
    request = data.get("csr")
    if not isinstance(request, str):
        raise BadInputError("its reply holds no certificate request")
    return request.encode()
