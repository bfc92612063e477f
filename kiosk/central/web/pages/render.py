"""Templates, filled; and the pages that anybody may see."""

from __future__ import annotations

import hashlib
import logging
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kiosk import __version__
from kiosk.central.web.auth import Visitor
from kiosk.central.web.context import Web, web_of
from kiosk.central.web.pages import words

log = logging.getLogger(__name__)

WEB = Path(__file__).parent.parent
STATIC = WEB / "static"
"""What pages load."""

LASTING = "public, max-age=31536000, immutable"
"""Of files that are asked for by their content's name."""

NAV = (
    ("overview", "/", "Overview"),
    ("audience", "/audience", "Audience"),
    ("content", "/content", "Content"),
    ("devices", "/devices", "Devices"),
    ("sites", "/sites", "Sites"),
)

TITLES = {
    403: "You may not do this",
    404: "Nothing is here",
    405: "This cannot be done here",
    408: "That took too long",
    413: "That is too much",
    422: "That cannot be used",
    429: "Too many requests",
    500: "Something broke",
    503: "The database does not answer",
}


class Lasting(StaticFiles):
    """Files that browsers keep when they ask for them with their content's name."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file."""
        response = await super().get_response(path, scope)
        if scope["query_string"] == f"v={_name_of(path)}".encode():
            response.headers["Cache-Control"] = LASTING
        return response


def static_files() -> StaticFiles:
    """An application that serves what pages load."""
    return Lasting(directory=STATIC)


def page(
    request: Request, template: str, user: Visitor | None, status: int = 200, **context: Any
) -> HTMLResponse:
    """A page.

    Args:
        request: what asked for it.
        template: its file.
        user: who asks; None: nobody is signed in.
        status: of the answer.
        **context: what the template says.
    """
    web = web_of(request)
    central = web.settings.central
    text = (
        _environment()
        .get_template(template)
        .render(
            context,
            user=user,
            zone=ZoneInfo(central.timezone),
            now=context.get("now") or web.clock.utc(),
            fewer_than=central.web.fewer_than,
            path=request.url.path,
        )
    )
    return HTMLResponse(text, status)


def zone_of(web: Web) -> ZoneInfo:
    """The time zone of pages."""
    return ZoneInfo(web.settings.central.timezone)


def show_sign_in(
    request: Request,
    *,
    error: str | None,
    next: str,  # noqa: A002 - as browsers send it
    status: int = 200,
) -> HTMLResponse:
    """The page that asks for name and password.

    Args:
        request: what asked for it.
        error: why the last attempt failed.
        next: the path to go on to.
        status: of the answer.
    """
    return page(request, "sign_in.html", None, status, error=error, next=next)


def show_error(request: Request, status: int, detail: str) -> HTMLResponse:
    """A page for what went wrong; it asks nothing of the database.

    Args:
        request: what failed.
        status: of the answer.
        detail: why, in a sentence.
    """
    title = TITLES.get(status, "This did not work")
    sentence = detail[:1].upper() + detail[1:]
    if sentence and sentence[-1] not in ".!?":
        sentence += "."
    return page(request, "error.html", None, status, title=title, detail=sentence, code=status)


def static_url(path: str) -> str:
    """Where browsers find a file, by its content's name, so that they may keep it."""
    return f"/static/{path}?v={_name_of(path)}"


@cache
def _name_of(path: str) -> str:
    try:
        return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    except (OSError, ValueError):
        return ""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(nav=NAV, static=static_url, words=words, version=__version__)
    made.filters.update(number=words.number, day=_day, short_day=_short_day)
    made.policies["json.dumps_kwargs"] = {"default": _plain, "separators": (",", ":")}
    return made


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} stands in no page")


def _day(value: date) -> str:
    return f"{value:%a} {value.day} {value:%b %Y}"


def _short_day(value: date) -> str:
    return f"{value:%a} {value.day} {value:%b}"
