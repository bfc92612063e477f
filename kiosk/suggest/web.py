"""The page on loopback: a picture in, JSON out. Pictures are in memory while they are looked at."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiosk.errors import BadInputError, KioskError, PortInUseError
from kiosk.suggest.suggester import LIMIT_S, Suggester

HOST = "127.0.0.1"
"""The only address that is ever bound: whoever is on a photo is nobody else's business."""

NAMES = [HOST, "localhost"]

STATIC = Path(__file__).parent / "static"

BODY_TYPE = "application/octet-stream"
"""Another site's page cannot send this without asking first, and nobody answers it."""

UPLOAD_S = 15.0
"""A picture comes from this machine: one that takes longer never ends."""

PAGE_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
MEDIA_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; media-src data:; font-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""A creative runs in a sandbox of its own and reaches no network, whatever is in it."""


def make_app(suggester: Suggester) -> Starlette:
    """The web application.

    Args:
        suggester: answers about pictures.
    """

    def page(_: Request) -> Response:
        return FileResponse(
            STATIC / "suggest.html", headers={"Content-Security-Policy": PAGE_POLICY}
        )

    def media(request: Request) -> Response:
        wanted = request.path_params["creative"], request.path_params["name"]
        known = suggester.campaign.creatives
        found = next((one for one in known if (one.id, one.path.name) == wanted), None)
        if found is None or not found.path.is_file():
            return PlainTextResponse("no such creative\n", 404)
        return FileResponse(found.path, headers={"Content-Security-Policy": MEDIA_POLICY})

    def about(_: Request) -> Response:
        return JSONResponse(suggester.about())

    return Starlette(
        routes=[
            Route("/", page),
            Route("/about", about),
            Route("/look", _looking(suggester), methods=["POST"]),
            Route("/media/{creative}/{name}", media),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            # A page from elsewhere that rebinds its name to loopback carries its own host name.
            Middleware(TrustedHostMiddleware, allowed_hosts=NAMES, www_redirect=False),
            Middleware(_Headers),
        ],
    )


def _looking(suggester: Suggester) -> Callable[[Request], Awaitable[Response]]:
    turn = asyncio.Lock()

    async def look(request: Request) -> Response:
        refused = _refused(request, suggester.most_bytes)
        if refused is not None:
            return refused
        try:
            async with asyncio.timeout(LIMIT_S):
                await turn.acquire()
        except TimeoutError:
            return _error("another picture is being looked at; try again in a moment", 503)
        try:
            async with asyncio.timeout(UPLOAD_S):
                data = await _body(request, suggester.most_bytes)
            found = await run_in_threadpool(suggester.of, data)
        except TimeoutError:
            return _error("the picture did not arrive in time", 408)
        except ClientDisconnect:
            return _error("the page went away", 400)
        except KioskError as bad:
            return _error(str(bad), 422 if isinstance(bad, BadInputError) else 503, bad.hint)
        finally:
            turn.release()
        answer = found.as_dict()
        paths = {one.id: one.path.name for one in suggester.campaign.creatives}
        for advert in (*answer["adverts"], *answer["on_schedule"]):
            advert["url"] = f"/media/{advert['creative']}/{paths[advert['creative']]}"
        return JSONResponse(answer)

    return look


def _refused(request: Request, most_bytes: int) -> Response | None:
    # Any site may post to loopback from a browser here; its origin tells it apart.
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers.get('host')}":
        return _error("only the page of this command may ask for that", 403)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _error("only the page of this command may ask for that", 403)
    if request.headers.get("content-type") != BODY_TYPE:
        return _error(f"the bytes of a picture are expected, as {BODY_TYPE}", 415)
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most_bytes:
        return _too_large(most_bytes)
    return None


async def _body(request: Request, most_bytes: int) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most_bytes:
            # What is read says so itself, as of any picture that is too large.
            break
    return bytes(data)


def _too_large(most_bytes: int) -> Response:
    return _error(f"the picture is larger than the {most_bytes >> 20} MB that are read", 413)


def _error(sentence: str, status: int, hint: str | None = None) -> Response:
    return JSONResponse({"error": sentence, "hint": hint}, status)


class _Headers:
    """What every answer carries: nothing of it is kept by a browser, or readable elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, with_headers)


def serve_page(load: Callable[[], Suggester], port: int, ready: Callable[[str], None]) -> None:
    """Serve the page on loopback until SIGINT or SIGTERM.

    Args:
        load: makes what answers; called once the port is taken.
        port: 0 takes any free one.
        ready: told the page's address, once it is answered there.

    Raises:
        PortInUseError: another program listens there.
        KioskError: as :func:`kiosk.suggest.open_suggester`.
    """
    listener = _listen(port)
    try:
        app = make_app(load())
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        ready(f"http://{HOST}:{listener.getsockname()[1]}/")
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        # uvicorn raises it again once it has closed everything.
        pass
    finally:
        listener.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as bad:
        listener.close()
        raise PortInUseError(
            f"{HOST}:{port}: the page cannot be served there: {bad.strerror}",
            hint="stop the other program, or name another port with --port",
        ) from bad
    return listener
