"""Sessions of browsers: a random cookie here, its digest in the database."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request, Response
from sqlalchemy import delete, insert, select

from kiosk.central.store.tables import sessions, users
from kiosk.central.web.accounts import Role, User, digest_of
from kiosk.central.web.context import Web

SESSIONS_PER_USER = 20
"""The oldest ones end when somebody has signed in on more browsers than that."""

SECRET_MAX = 100
"""Characters; a longer cookie is not one of ours."""


@dataclass(frozen=True)
class Session:
    """A browser that has signed in.

    Attributes:
        user: its name.
        role: what the user may do, as of now.
        csrf: what a form has to bring along.
    """

    user: str
    role: Role
    csrf: str


def cookie_name(web: Web) -> str:
    """With HTTPS, a name that browsers let no other host or plain page set (RFC 6265bis)."""
    return "__Host-kiosk_session" if web.https else "kiosk_session"


def begin_session(web: Web, user: User, response: Response) -> None:
    """Sign a browser in."""
    secret = secrets.token_urlsafe(32)
    now = web.clock.utc()
    lasts = timedelta(hours=web.settings.central.web.session_h)
    row = {
        "digest": digest_of(secret),
        "user_id": user.id,
        "csrf": secrets.token_urlsafe(32),
        "created": now,
        "expires": now + lasts,
    }
    mine = select(sessions.c.digest).where(sessions.c.user_id == user.id)
    newest = mine.order_by(sessions.c.created.desc()).limit(SESSIONS_PER_USER)
    with web.engine.begin() as connection:
        connection.execute(insert(sessions).values(row))
        connection.execute(delete(sessions).where(sessions.c.expires <= now))
        connection.execute(
            delete(sessions).where(sessions.c.user_id == user.id, sessions.c.digest.not_in(newest))
        )
    response.set_cookie(
        cookie_name(web),
        secret,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=web.https,
        httponly=True,
        samesite="lax",
    )


def find_session(web: Web, request: Request) -> Session | None:
    """The session that a request's cookie names, unless it has ended."""
    secret = request.cookies.get(cookie_name(web), "")
    if not secret or len(secret) > SECRET_MAX:
        return None
    wanted = (
        select(users.c.name, users.c.role, sessions.c.csrf)
        .join_from(sessions, users)
        .where(
            sessions.c.digest == digest_of(secret),
            sessions.c.expires > web.clock.utc(),
            users.c.disabled.is_(None),
        )
    )
    with web.engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    return Session(*row) if row is not None else None


def end_session(web: Web, request: Request) -> None:
    """End the session that a request's cookie names, if there is one."""
    secret = request.cookies.get(cookie_name(web), "")
    with web.engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.digest == digest_of(secret)))


def take_cookie(web: Web, response: Response) -> None:
    """Have a browser forget its session."""
    response.delete_cookie(
        cookie_name(web), path="/", secure=web.https, httponly=True, samesite="lax"
    )
