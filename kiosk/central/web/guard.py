"""What holds for every answer and every request, whatever it is about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

BODY_MAX = 1024 * 1024
"""Bytes of a request; the largest document is a quarter of it."""

TOO_LARGE = f"a request may have {BODY_MAX} bytes"

BODY_S = 20
"""Patience with a request that comes in drips."""

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
"""Pages load nothing from elsewhere, and run no script that stands in a page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
"""Without subdomains: those are not ours to speak for."""


class Guard:
    """Adds the headers of security, and bounds how large and how slow a request may be."""

    def __init__(self, app: ASGIApp, *, https: bool, fault: Callable[[Request], ASGIApp]) -> None:
        """Stand around an application.

        Args:
            app: the application.
            https: whether browsers reach it by HTTPS.
            fault: the answer when a fault of ours comes out of the application.
        """
        self._app = app
        self._fault = fault
        self._headers = HEADERS | (HTTPS_ONLY if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._complete(MutableHeaders(scope=message), scope.get("state", {}))
            await send(message)

        complete = False
        size = 0

        async def receive_some() -> Message:
            # Once the body is there, this waits for the end of the connection, however long.
            nonlocal complete, size
            if complete:
                return await receive()
            try:
                async with asyncio.timeout(BODY_S):
                    message = await receive()
            except TimeoutError as late:
                raise HTTPException(408, "the request did not come to its end") from late
            complete = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > BODY_MAX:
                raise HTTPException(413, TOO_LARGE)
            return message

        try:
            await self._app(scope, receive_some, send_with_headers)
        except Exception as bad:
            log.exception("event=web_fault path=%s: report it", scope["path"], exc_info=bad)
            if begun:
                # What was sent is cut off, so that nobody takes it for the whole.
                raise
            await self._fault(Request(scope))(scope, receive, send_with_headers)

    def _complete(self, headers: MutableHeaders, state: Mapping[str, Any]) -> None:
        # What a handler's dependency has to add, whatever kind of answer the handler makes.
        for name, value in state.get("headers", {}).items():
            headers.setdefault(name, value)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        # Figures of a shop, and who looks at them, are for no cache on the way.
        headers.setdefault("Cache-Control", "no-store")
