"""The process that serves pages and API."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Event

import uvicorn
from fastapi import FastAPI

from kiosk.central.store import open_database
from kiosk.central.web.app import make_app
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings, WebSettings
from kiosk.errors import ConfigError, PortInUseError
from kiosk.service import Heartbeat, stop_on_signals

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 500
"""Open at a time; above it a request is told to come back."""

KEEP_ALIVE_S = 15
GRACE_S = 5
"""What is being answered when we are asked to stop may take so long."""

TICK_S = 0.2


def serve(settings: Settings, clock: Clock | None = None) -> None:
    """Serve pages and API until SIGTERM or SIGINT.

    Args:
        settings: the whole configuration.
        clock: the time; by default the machine's.

    Raises:
        StateError: the database cannot be used at the start.
        PortInUseError: the port cannot be had.
        ConfigError: certificate and key cannot be used.
    """
    clock = clock or SystemClock()
    web = settings.central.web
    _check_certificate(web)
    if _is_open(web):
        log.warning(
            "event=web_without_tls host=%s: passwords cross the network for all to read; set"
            " central.web.cert_file and key_file, or let a proxy with HTTPS stand before it and"
            " say so in public_url",
            web.host,
        )
    listener = _listen(web.host, web.port)
    try:
        engine = open_database(settings.central)
        app = make_app(engine, settings, clock)
        stop = stop_on_signals()
        heartbeat = Heartbeat(clock.monotonic)
        port = listener.getsockname()[1]
        log.info("event=web_ready url=%s", web.public_url or _url(web, port))
        asyncio.run(_serve(_configure(app, web), listener, stop, heartbeat))
        engine.dispose()
    finally:
        listener.close()


def _is_open(web: WebSettings) -> bool:
    """Whether others on the network can reach it without HTTPS."""
    if web.cert_file is not None or web.public_url is not None:
        return False
    try:
        return not ip_address(web.host).is_loopback
    except ValueError:
        return web.host != "localhost"


def _url(web: WebSettings, port: int) -> str:
    host = f"[{web.host}]" if ":" in web.host else web.host
    return f"{'https' if web.cert_file else 'http'}://{host}:{port}/"


def _configure(app: FastAPI, web: WebSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        # Whom to believe about who asks: a proxy on this machine, and only when one is told of.
        proxy_headers=web.public_url is not None,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=web.cert_file,
        ssl_keyfile=web.key_file,
    )


async def _serve(
    config: uvicorn.Config, listener: socket.socket, stop: Event, heartbeat: Heartbeat
) -> None:
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not stop.is_set() and not serving.done():
        # A loop that hangs does not come here, and the watchdog ends it.
        heartbeat.progress("serving")
        await asyncio.sleep(TICK_S)
    heartbeat.stopping()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the process it runs in."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Do nothing: SIGTERM is handled outside."""
        yield


def _check_certificate(web: WebSettings) -> None:
    if web.cert_file is None or web.key_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.cert_file, web.key_file)
    except (OSError, ssl.SSLError) as bad:
        raise ConfigError(
            f"central.web: {web.cert_file} and {web.key_file} cannot be used:"
            f" {bad.strerror or bad}",
            hint="a certificate in PEM and its private key without a password are expected",
        ) from bad


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on nobody else can take the port.
        listener.listen()
    except OSError as bad:
        listener.close()
        raise PortInUseError(
            f"{host}:{port}: pages cannot be served there: {bad.strerror}",
            hint="stop the other program, or set central.web.port to another one",
        ) from bad
    return listener
