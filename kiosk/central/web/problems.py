"""What a visitor is told when something is wrong: problem documents (RFC 9457), or pages."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,  # noqa: A004 - of the pool: every connection is in use
)
from starlette.exceptions import HTTPException

from kiosk.central.store import failure_reason
from kiosk.central.web.auth import SAFE_METHODS, SignInNeededError
from kiosk.central.web.pages import show_error
from kiosk.errors import BadInputError, KioskError

log = logging.getLogger(__name__)

PROGRAMS = ("/api/", "/metrics")
"""Paths whose faults are told to programs; all others are people's."""

SIGN_IN = "/sign-in"

NO_DATABASE = "the database does not answer; nothing is lost: what devices send stays with them"
RETRY = {"Retry-After": "30"}

AWAY = frozenset({"25006", "42501", "42P01", "3F000"})
"""SQLSTATE of PostgreSQL when it only reads (a standby that was made to answer), or when we may not
use its tables or they are not there; SQLite says so by the errors of a database that is away."""

FAILED = "head office cannot do this now; its log says why"

FAULT = "this is a fault in kiosk; its log says more"


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = "application/problem+json"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """A problem document of no type but its status."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return ProblemResponse(content, status, headers)


def say(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem document or a page, whichever the one who asks can read."""
    if request.url.path.startswith(PROGRAMS):
        return problem(status, detail, headers)
    response = show_error(request, status, detail)
    response.headers.update(headers or {})
    return response


def answer_faults(app: FastAPI) -> None:
    """Make an application answer every fault so; nobody is shown a traceback."""
    app.add_exception_handler(SignInNeededError, _sign_in_first)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(KioskError, _failed)
    app.add_exception_handler(SQLAlchemyError, _database)


async def _sign_in_first(request: Request, _: Exception) -> Response:
    wanted = request.url.path
    if request.url.query:
        wanted += f"?{request.url.query}"
    back = request.method in SAFE_METHODS and wanted != "/"
    goal = f"{SIGN_IN}?{urlencode({'next': wanted})}" if back else SIGN_IN
    return RedirectResponse(goal, HTTPStatus.SEE_OTHER)


async def _not_valid(request: Request, bad: Exception) -> Response:
    faults = bad.errors() if isinstance(bad, RequestValidationError) else ()
    # Without what was sent: it may be a password.
    errors = [{"where": _place(fault["loc"]), "what": fault["msg"]} for fault in faults[:20]]
    detail = "; ".join(f"{error['where']}: {error['what']}" for error in errors[:3])
    if request.url.path.startswith(PROGRAMS):
        return problem(422, detail, errors=errors)
    return say(request, 422, detail)


def _place(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:100] for part in where)


async def _refused(request: Request, bad: Exception) -> Response:
    if not isinstance(bad, HTTPException):
        raise bad
    if bad.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed(request) or (bad.headers or {}).get("Allow", "")
        return say(request, 405, f"this address takes {allowed}", {"Allow": allowed})
    detail = "there is nothing at this address" if bad.detail == "Not Found" else bad.detail
    return say(request, bad.status_code, detail, bad.headers)


def _allowed(request: Request) -> str:
    """The methods of an address of the API; Starlette names those of one of its routes alone."""
    path = request.url.path
    for template, methods in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path):
            return ", ".join(sorted(method.upper() for method in methods))
    return ""


async def _failed(request: Request, bad: Exception) -> Response:
    hint = bad.hint if isinstance(bad, KioskError) else None
    detail = f"{bad} ({hint})" if hint else str(bad)
    if isinstance(bad, BadInputError):
        return say(request, 422, detail)
    # It names files of ours, and anybody may have asked.
    _tell(request, detail)
    return say(request, 503, FAILED, RETRY)


async def _database(request: Request, bad: Exception) -> Response:
    if isinstance(bad, DataError):
        return say(request, 422, "a value is not one that the database can hold")
    if isinstance(bad, IntegrityError):
        return say(request, 409, "somebody else has just changed this; look again")
    if not _is_away(bad):
        raise bad
    _tell(request, failure_reason(bad))
    return say(request, 503, NO_DATABASE, RETRY)


def _tell(request: Request, reason: str) -> None:
    log.error(
        'event=web_database_failed path=%s reason="%s": see that the database runs and has space',
        request.url.path,
        reason,
    )


def _is_away(bad: Exception) -> bool:
    if isinstance(bad, (OperationalError, InterfaceError, TimeoutError)):
        return True
    return getattr(getattr(bad, "orig", None), "sqlstate", None) in AWAY


def fault(request: Request) -> Response:
    """The answer when the fault is ours."""
    return say(request, 500, FAULT)
