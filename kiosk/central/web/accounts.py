"""Who may look and who may act: users with passwords, programs with tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore
from typing import Final, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kiosk.central.store.tables import sessions, tokens, users
from kiosk.central.web.trail import record
from kiosk.clock import Clock
from kiosk.errors import BadInputError

Role = Literal["viewer", "operator"]
"""A viewer looks; an operator also orders, books and publishes."""

ROLES: Final = get_args(Role)

NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"

PASSWORD_MIN, PASSWORD_MAX = 10, 1000
"""Characters; long is better than odd (NIST SP 800-63B), and a very long one costs us time."""

TOKEN_PREFIX = "kiosk_"  # noqa: S105 - lets a scanner of leaked secrets know one of ours
FIRST_OPERATOR = "operator"

AT_ONCE = BoundedSemaphore(2)
"""A hash takes 64 MiB: so many sign-ins at once may have that."""

_hasher = PasswordHasher()


@dataclass(frozen=True)
class User:
    """Somebody with a password."""

    id: int
    name: str
    role: Role
    created: datetime
    disabled: datetime | None


@dataclass(frozen=True)
class Token:
    """A program with a secret of its own."""

    id: int
    name: str
    role: Role
    created: datetime
    revoked: datetime | None


def digest_of(secret: str) -> bytes:
    """What the database keeps of a secret that we drew: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def add_user(
    engine: Engine, name: str, role: str, password: str, clock: Clock, *, by: str = "command line"
) -> None:
    """Let somebody in.

    Raises:
        BadInputError: the name is taken or odd, the role unknown, or the password too short.
    """
    _check_name(name)
    _check_role(role)
    _check_password(password)
    now = clock.utc()
    row = {"name": name, "password": _hash(password), "role": role, "created": now}
    try:
        with engine.begin() as connection:
            connection.execute(insert(users).values(row))
            record(connection, now, by, "add user", name, detail=role)
    except IntegrityError as bad:
        raise BadInputError(
            f"user {name}: there is one of this name", hint="kiosk central user list"
        ) from bad


def set_password(
    engine: Engine, name: str, password: str, clock: Clock, *, by: str = "command line"
) -> None:
    """Give a user another password; every session of theirs ends, and they may sign in again.

    Raises:
        BadInputError: there is no such user, or the password is too short.
    """
    _check_password(password)
    hashed = _hash(password)
    with engine.begin() as connection:
        user = _find(connection, name)
        connection.execute(
            update(users).where(users.c.id == user.id).values(password=hashed, disabled=None)
        )
        connection.execute(delete(sessions).where(sessions.c.user_id == user.id))
        record(connection, clock.utc(), by, "set password", name)


def disable_user(engine: Engine, name: str, clock: Clock, *, by: str = "command line") -> None:
    """Let somebody in no more, at once; the name stays in the audit.

    Raises:
        BadInputError: there is no such user.
    """
    now = clock.utc()
    with engine.begin() as connection:
        user = _find(connection, name)
        connection.execute(update(users).where(users.c.id == user.id).values(disabled=now))
        connection.execute(delete(sessions).where(sessions.c.user_id == user.id))
        record(connection, now, by, "disable user", name)


def list_users(engine: Engine) -> Sequence[User]:
    """Everybody with a password, by name."""
    wanted = select(users.c.id, users.c.name, users.c.role, users.c.created, users.c.disabled)
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(users.c.name))
        return [User(*row) for row in rows]


def ensure_first_operator(engine: Engine, clock: Clock) -> str | None:
    """The password of user ``operator``, made now, when nobody can sign in yet; else ``None``."""
    with engine.connect() as connection:
        if connection.execute(select(func.count()).select_from(users)).scalar_one():
            return None
    password = secrets.token_urlsafe(12)
    try:
        add_user(engine, FIRST_OPERATOR, "operator", password, clock, by="first start")
    except BadInputError:
        # Another process was first, and has said its password.
        return None
    return password


def check_password(engine: Engine, name: str, password: str) -> User | None:
    """The user, when the password is theirs; takes as long when there is no such user."""
    with engine.connect() as connection:
        row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    known = row is not None and row.disabled is None
    hashed = row.password if row is not None and known else _hash_of_nobody()
    try:
        with AT_ONCE:
            _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return None
    if row is None or not known:
        return None
    if _hasher.check_needs_rehash(hashed):
        with engine.begin() as connection:
            renewed = update(users).where(users.c.id == row.id).values(password=_hash(password))
            connection.execute(renewed)
    return User(row.id, row.name, row.role, row.created, row.disabled)


def create_token(
    engine: Engine, name: str, role: str, clock: Clock, *, by: str = "command line"
) -> str:
    """Let a program in; the secret is told this once and kept nowhere.

    Raises:
        BadInputError: the name is odd, the role unknown, or a token of this name is valid.
    """
    _check_name(name)
    _check_role(role)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    now = clock.utc()
    row = {"name": name, "role": role, "digest": digest_of(secret), "created": now}
    with engine.begin() as connection:
        valid = select(tokens.c.id).where(tokens.c.name == name, tokens.c.revoked.is_(None))
        if connection.execute(valid).first() is not None:
            raise BadInputError(
                f"token {name}: there is a valid one of this name", hint="revoke that one first"
            )
        connection.execute(insert(tokens).values(row))
        record(connection, now, by, "create token", name, detail=role)
    return secret


def revoke_token(engine: Engine, name: str, clock: Clock, *, by: str = "command line") -> None:
    """Let a program in no more, at once.

    Raises:
        BadInputError: no valid token has this name.
    """
    now = clock.utc()
    with engine.begin() as connection:
        valid = (tokens.c.name == name) & tokens.c.revoked.is_(None)
        if not connection.execute(update(tokens).where(valid).values(revoked=now)).rowcount:
            raise BadInputError(
                f"token {name}: no valid token has this name", hint="kiosk central token list"
            )
        record(connection, now, by, "revoke token", name)


def list_tokens(engine: Engine) -> Sequence[Token]:
    """Every token that there was, without its secret, by name."""
    wanted = select(tokens.c.id, tokens.c.name, tokens.c.role, tokens.c.created, tokens.c.revoked)
    with engine.connect() as connection:
        return [Token(*row) for row in connection.execute(wanted.order_by(tokens.c.name))]


def find_token(engine: Engine, secret: str) -> Token | None:
    """The valid token with this secret."""
    wanted = select(tokens.c.id, tokens.c.name, tokens.c.role, tokens.c.created, tokens.c.revoked)
    fits = (tokens.c.digest == digest_of(secret)) & tokens.c.revoked.is_(None)
    with engine.connect() as connection:
        row = connection.execute(wanted.where(fits)).one_or_none()
    return Token(*row) if row is not None else None


def _find(connection: Connection, name: str) -> User:
    wanted = select(users.c.id, users.c.name, users.c.role, users.c.created, users.c.disabled)
    row = connection.execute(wanted.where(users.c.name == name)).one_or_none()
    if row is None:
        raise BadInputError(f"user {name}: nobody has this name", hint="kiosk central user list")
    return User(*row)


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe())


def _hash(password: str) -> str:
    with AT_ONCE:
        return _hasher.hash(password)


def _check_name(name: str) -> None:
    if re.fullmatch(NAME, name) is None:
        raise BadInputError(f"{name!r}: a name has up to 64 letters, digits and . _ @ -")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise BadInputError(f"{role!r}: a role is one of {', '.join(ROLES)}")


def _check_password(password: str) -> None:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise BadInputError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
