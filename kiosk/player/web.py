"""The pages on loopback: screen, operator, media; out of reach for any other machine."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from kiosk.config import PlayerSettings
from kiosk.errors import PortInUseError
from kiosk.player.frame import FRAME_URL, MEDIA_POLICY, STATIC
from kiosk.player.media import Media, OpenMedium
from kiosk.player.screens import Screens

log = logging.getLogger(__name__)

LOOPBACK = ["127.0.0.1", "localhost", "[::1]", "::1"]

PAGE_POLICY = (
    "default-src 'self'; connect-src 'self' ws:; img-src 'self' data:; media-src 'self';"
    " style-src 'self' 'unsafe-inline'; frame-src 'self'; object-src 'none'; base-uri 'none'"
)
AIM_MOST_S = 1800.0
"""Longest time for which the aiming page covers a shop's screen before it is asked for again."""

FOR_EVER = "public, max-age=31536000, immutable"


def make_app(
    screens: Screens,
    media: Media,
    status: Callable[[], dict[str, Any]],
) -> Starlette:
    """The web application.

    Args:
        screens: the connected pages.
        media: what may be shown; nothing else is served of them.
        status: how this device does, without a word on who is in front of it.
    """

    def page(
        name: str, policy: str = PAGE_POLICY, kept: str = "no-cache"
    ) -> Callable[[Request], Response]:
        headers = {"Content-Security-Policy": policy, "Cache-Control": kept}

        def respond(_: Request) -> Response:
            return FileResponse(STATIC / name, headers=headers)

        return respond

    def medium(request: Request) -> Response:
        wanted = media.find(request.path_params["creative"], request.path_params["name"])
        opened = media.open(wanted) if wanted is not None else None
        if wanted is None or opened is None:
            return PlainTextResponse("no such creative\n", 404)
        return _MediumResponse(opened, wanted.path)

    # In the event loop, as everything that looks at the director's own state.
    async def say_status(_: Request) -> Response:
        return JSONResponse(status(), headers={"Cache-Control": "no-store"})

    return Starlette(
        routes=[
            Route("/", page("operator.html")),
            Route("/screen", page("screen.html")),
            Route("/frame", page("frame.html", MEDIA_POLICY, FOR_EVER)),
            Route("/aim", page("aim.html")),
            Route("/aim", _taking_aims(screens), methods=["POST"]),
            Route("/frame.js", _say_frame),
            Route("/health", lambda _: PlainTextResponse("ok\n")),
            Route("/status", say_status),
            Route("/media/{creative}/{name}", medium),
            WebSocketRoute("/screen/ws", _on_this_machine(screens.serve_screen)),
            WebSocketRoute("/operator/ws", _on_this_machine(screens.serve_operator)),
            WebSocketRoute("/aim/ws", _on_this_machine(screens.serve_aiming)),
            Mount("/static", _Static(directory=STATIC)),
        ],
        # A page from elsewhere that rebinds its name to loopback carries its own host name.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)],
    )


def _say_frame(_: Request) -> Response:
    script = f'export const FRAME_URL = "{FRAME_URL}";\n'
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _taking_aims(screens: Screens) -> Callable[[Request], Awaitable[Response]]:
    async def aim(request: Request) -> Response:
        if not _same_machine(request):
            return JSONResponse({"error": "only a page of this machine may ask for that"}, 403)
        try:
            seconds = float(request.query_params["seconds"])
        except (KeyError, ValueError):
            seconds = math.nan
        if not 0 <= seconds <= AIM_MOST_S:
            error = f"seconds: a number from 0 to {AIM_MOST_S:g} is expected"
            return JSONResponse({"error": error}, 400)
        screens.aim(seconds)
        return JSONResponse({"seconds": seconds, "screens": screens.count})

    return aim


def _on_this_machine(
    serve: Callable[[WebSocket], Awaitable[None]],
) -> Callable[[WebSocket], Awaitable[None]]:
    async def respond(page: WebSocket) -> None:
        if _same_machine(page):
            await serve(page)
        else:
            await page.close()

    return respond


class _MediumResponse(FileResponse):
    """A medium from the file that was checked; it breaks off when somebody writes to that."""

    def __init__(self, medium: OpenMedium, name: Path) -> None:
        # The address changes with the medium, so a screen may keep it while the director is away.
        super().__init__(
            medium.path,
            stat_result=medium.stat,
            media_type=guess_type(name)[0] or "application/octet-stream",
            headers={
                "Content-Security-Policy": MEDIA_POLICY,
                "Cache-Control": FOR_EVER,
                "X-Content-Type-Options": "nosniff",
            },
        )
        self._medium = medium
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unwritten(message: Message) -> None:
            if message["type"] == "http.response.body" and self._medium.changed:
                raise _WrittenToError
            await send(message)

        try:
            await super().__call__(scope, receive, send_unwritten)
        except _WrittenToError:
            # The server closes the connection of an answer that is shorter than it said.
            log.warning(
                "event=medium_refused file=%s why=it changed while it was read: its answer ends",
                self._name,
            )
        finally:
            self._medium.close()


class _WrittenToError(Exception):
    """A medium changed while it was served."""


class _Static(StaticFiles):
    """Files of ours: a page must not run the scripts of the version before."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _same_machine(page: HTTPConnection) -> bool:
    # Browsers let any site open a WebSocket or post to loopback; its origin tells it apart.
    origin = page.headers.get("origin")
    try:
        return origin is None or urlsplit(origin).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False


class WebServer:
    """uvicorn inside the director's event loop."""

    def __init__(self, app: Starlette, settings: PlayerSettings) -> None:
        self._settings = settings
        self._app = app
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = settings.port

    @property
    def failed(self) -> bool:
        """It was started, and serves no longer."""
        return self._task is not None and self._task.done()

    def claim(self) -> None:
        """Take the port; nothing is answered yet.

        Raises:
            PortInUseError: another program listens there.
        """
        self._listener = _listen(self._settings.host, self.port)
        self.port = self._listener.getsockname()[1]

    async def start(self) -> None:
        """Answer on the port, which is claimed if it is not yet.

        Raises:
            PortInUseError: another program listens there.
        """
        if self._listener is None:
            self.claim()
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=1 << 16,
            ws_ping_interval=5,
            ws_ping_timeout=10,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        sockets = [self._listener] if self._listener is not None else []
        self._listener = None
        self._task = asyncio.create_task(self._server.serve(sockets=sockets))
        log.info("event=pages_ready url=http://%s:%d/", self._settings.host, self.port)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._listener is not None:
            self._listener.close()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)

    async def restart_if_failed(self) -> None:
        """Serve again when the server ended, for whatever reason: the screen waits for it."""
        if not self.failed or self._task is None:
            return
        why = None if self._task.cancelled() else self._task.exception()
        for server in getattr(self._server, "servers", ()):
            server.close()
        log.error("event=pages_failed reason=%r: serving them again", why)
        try:
            await self.start()
        except PortInUseError as bad:
            log.error("event=pages_failed reason=%s", bad)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the process it runs in."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Do nothing: SIGTERM is the director's to handle."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on nobody else can take the port.
        listener.listen()
    except OSError as bad:
        listener.close()
        raise PortInUseError(
            f"{host}:{port}: the screen's page cannot be served there: {bad.strerror}",
            hint="stop the other program, or set player.port to another one",
        ) from bad
    return listener
