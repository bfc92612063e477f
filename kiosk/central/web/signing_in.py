"""Signing in and out."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete

from kiosk.central.store.tables import audit
from kiosk.central.web.accounts import NAME, PASSWORD_MAX, User, check_password
from kiosk.central.web.auth import User as SignedIn
from kiosk.central.web.auth import check_origin
from kiosk.central.web.context import Here, Web
from kiosk.central.web.pace import Pace, address_of
from kiosk.central.web.pages import show_sign_in
from kiosk.central.web.sessions import begin_session, end_session, take_cookie
from kiosk.central.web.trail import record

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

REFUSED = "sign-in refused"
KEEP_REFUSED = timedelta(days=90)
"""Anybody on the network can add to these rows of the audit; all others stay."""

WRONG = "no user has this name and password"
WAIT = "too many attempts; try again in {} seconds"


@router.get("/sign-in", name="show_sign_in_page")
def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 - as browsers send it
    """The page that asks for name and password."""
    return show_sign_in(request, error=None, next=local_path(next))


@router.post("/sign-in")
def sign_in(
    request: Request,
    web: Here,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - as browsers send it
) -> Response:
    """Begin a session, or ask again."""
    check_origin(request)
    goal = local_path(next)
    pace: Pace = request.app.state.pace
    wait_s = pace.sign_in(address_of(request), name[:100].casefold())
    if wait_s is not None:
        page = show_sign_in(request, error=WAIT.format(wait_s), next=goal, status=429)
        page.headers["Retry-After"] = str(wait_s)
        return page
    user = _who(web, name, password)
    _tell(request, web, name, user)
    if user is None:
        return show_sign_in(request, error=WRONG, next=goal, status=HTTPStatus.UNAUTHORIZED)
    response = RedirectResponse(goal, HTTPStatus.SEE_OTHER)
    # A cookie that somebody else may have set is not gone on with.
    end_session(web, request)
    begin_session(web, user, response)
    return response


@router.post("/sign-out")
def sign_out(request: Request, web: Here, user: SignedIn) -> Response:
    """End the session."""
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    end_session(web, request)
    take_cookie(web, response)
    with web.engine.begin() as connection:
        record(connection, web.clock.utc(), user.name, "sign out", user.name)
    return response


def local_path(wanted: str) -> str:
    """The path to go on to, when it is one of ours; else the first page."""
    plain = re.fullmatch(r"/[A-Za-z0-9_.~/?=&%+:,*-]*", wanted) is not None
    return wanted if plain and not wanted.startswith("//") else "/"


def _who(web: Web, name: str, password: str) -> User | None:
    if re.fullmatch(NAME, name) is None or len(password) > PASSWORD_MAX:
        # Takes as long as a wrong password, and asks the database for nothing odd.
        return check_password(web.engine, "", "")
    return check_password(web.engine, name, password)


def _tell(request: Request, web: Web, name: str, user: User | None) -> None:
    address = address_of(request)
    named = name if re.fullmatch(NAME, name) else "?"
    if user is None:
        log.warning(
            "event=sign_in_refused address=%s name=%s: if nobody of yours tried, watch for more",
            address,
            named,
        )
    now = web.clock.utc()
    with web.engine.begin() as connection:
        if user is None:
            record(connection, now, named, REFUSED, named, detail=address)
            old = (audit.c.action == REFUSED) & (audit.c.at < now - KEEP_REFUSED)
            connection.execute(delete(audit).where(old))
        else:
            record(connection, now, named, "sign in", named, detail=address)
