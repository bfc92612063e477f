"""Who asks: dependencies that give the signed-in user, or turn a request away."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from kiosk.central.web.accounts import Role, find_token
from kiosk.central.web.context import Web, web_of
from kiosk.central.web.sessions import Session, find_session

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
TOKEN_MAX = 200
"""Characters; a longer token is not one of ours."""


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes:
        name: of the user, or ``token:`` and the name of the token.
        role: what they may do.
        csrf: what a form of this session has to carry in its field ``csrf``; empty for a token.
    """

    name: str
    role: Role
    csrf: str

    @property
    def may_operate(self) -> bool:
        """Whether they may order, book and publish."""
        return self.role == "operator"


class SignInNeededError(Exception):
    """A page was asked for by nobody that we know: the browser is sent to the sign-in page."""


async def visitor(request: Request) -> Visitor:
    """The signed-in user of a page; a form has to prove that it is ours.

    Raises:
        SignInNeededError: nobody is signed in.
        HTTPException: 403, the form is not one of ours.
    """
    found = await _browser(request)
    if found is None:
        raise SignInNeededError
    return found


async def operator(user: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """The signed-in user of a page, who may operate.

    Raises:
        SignInNeededError: nobody is signed in.
        HTTPException: 403, the user may only look, or the form is not one of ours.
    """
    return _operating(user)


bearer = HTTPBearer(auto_error=False, description="A token of `kiosk central token create`.")
cookie = APIKeyCookie(
    name="kiosk_session",
    auto_error=False,
    description=f"A signed-in browser; to change anything it sends header {CSRF_HEADER} as well."
    " With HTTPS the cookie is `__Host-kiosk_session`.",
)


async def caller(
    request: Request,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    _: Annotated[str | None, Depends(cookie)],
) -> Visitor:
    """Who calls the API: a token, or a signed-in browser.

    Raises:
        HTTPException: 401, nobody that we know; 403, the call is not one of our pages'.
    """
    if token is not None:
        found = await run_in_threadpool(program, web_of(request), token.credentials)
    elif "authorization" in request.headers:
        found = None  # Who tries another scheme does not want to be taken for the browser's user.
    else:
        found = await _browser(request)
    if found is None:
        raise HTTPException(
            401,
            "a valid token is needed in the Authorization header",
            {"WWW-Authenticate": "Bearer"},
        )
    return found


async def operating_caller(user: Annotated[Visitor, Depends(caller)]) -> Visitor:
    """Who calls the API and may operate.

    Raises:
        HTTPException: 401, nobody that we know; 403, who may only look.
    """
    return _operating(user)


def _operating(user: Visitor) -> Visitor:
    if not user.may_operate:
        raise HTTPException(403, "this needs the role operator")
    return user


def program(web: Web, secret: str) -> Visitor | None:
    """The program that a token lets in; ``None``: it lets in nobody."""
    if len(secret) > TOKEN_MAX or not secret.isascii():
        return None
    token = find_token(web.engine, secret)
    return Visitor(f"token:{token.name}", token.role, "") if token is not None else None


async def _browser(request: Request) -> Visitor | None:
    web = web_of(request)
    session = await run_in_threadpool(find_session, web, request)
    if session is None:
        return None
    if request.method not in SAFE_METHODS:
        check_origin(request)
        await _check_csrf(request, session)
    return Visitor(session.user, session.role, session.csrf)


async def _check_csrf(request: Request, session: Session) -> None:
    brought = request.headers.get(CSRF_HEADER)
    if brought is None and "form" in request.headers.get("content-type", ""):
        field = (await request.form()).get(CSRF_FIELD)
        brought = field if isinstance(field, str) else None
    if brought is None or not secrets.compare_digest(brought.encode(), session.csrf.encode()):
        raise HTTPException(403, "this form is out of date: load the page again, then send it")


def check_origin(request: Request) -> None:
    """Refuse what another site's page makes a browser send.

    Browsers tell it by ``Sec-Fetch-Site`` where the connection is trustworthy, and by ``Origin``
    elsewhere (OWASP, Cross-Site Request Forgery Prevention). Programs send neither.

    Raises:
        HTTPException: 403, it comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site not in {"same-origin", "none"} if site else bool(origin) and not _ours(request)
    if foreign:
        raise HTTPException(403, "this was sent by a page of another site")


def _ours(request: Request) -> bool:
    web = web_of(request)
    origin = request.headers.get("origin", "")
    public = web.settings.central.web.public_url
    if public is not None and origin == public:
        return True
    try:
        return urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False


User = Annotated[Visitor, Depends(visitor)]
Operator = Annotated[Visitor, Depends(operator)]
Caller = Annotated[Visitor, Depends(caller)]
OperatingCaller = Annotated[Visitor, Depends(operating_caller)]
