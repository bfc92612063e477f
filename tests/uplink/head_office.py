"""Head office's side: a key, sealed documents and commands, and a bad server of media."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.clock import SystemClock, iso
from kiosk.config import Settings
from kiosk.state import open_store
from kiosk.uplink.desired import Desired
from kiosk.wire import Reply, seal
from tests.fakes import FakeClock
from tests.mosquitto import wait_for

TARGET = "demo/shop-1/kiosk-1"
NOW = "2026-03-04T12:00:00Z"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><!-- {} --></svg>"

CAMPAIGN = {
    "version": 1,
    "name": "summer",
    "creatives": [
        {"id": "ice", "kind": "image", "file": "ice.svg", "duration_s": 5},
        {"id": "sun", "kind": "image", "file": "far/sun.svg", "duration_s": 5},
    ],
}


class HeadOffice:
    """A key and what is signed with it."""

    def __init__(self, folder: Path) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.key_file = folder / "head-office.pem"
        self.key_file.write_bytes(
            self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def document(
        self,
        kind: str,
        version: int,
        content: dict[str, Any],
        media: Sequence[dict[str, Any]] = (),
        changes: dict[str, Any] | None = None,
    ) -> bytes:
        body = {"schema": 1, "kind": kind, "target": TARGET, "version": version, "issued": NOW}
        body |= {"content": content, "media": list(media)} | (changes or {})
        return self.sealed(body, "document")

    def command(self, name: str, clock: Any = None, **changes: Any) -> bytes:
        """A command that is valid for a minute from now."""
        now = (clock or SystemClock()).utc()
        body = {"schema": 1, "id": secrets.token_hex(8), "target": TARGET, "name": name}
        body |= {"args": {}, "issued": iso(now), "expires_at": iso(now + timedelta(minutes=1))}
        return self.sealed(body | changes, "command")

    def sealed(self, body: dict[str, Any], purpose: Any) -> bytes:
        return seal(json.dumps(body), purpose, self.private).encode()


class Device:
    """The device's side by itself: no broker, the state file and the folder are real."""

    def __init__(self, folder: Path, office: HeadOffice, **changes: dict[str, Any]) -> None:
        data: dict[str, dict[str, Any]] = {
            "state": {"path": folder / "state.db"},
            "clock": {"trust": "always"},
            "desired": {"public_keys": [office.key_file], "folder": folder / "desired"},
        }
        for section, values in changes.items():
            data.setdefault(section, {}).update(values)
        self.settings = Settings.model_validate(data)
        self.clock = FakeClock()
        self.store = open_store(folder / "state.db", self.clock)
        self.start()

    def start(self) -> None:
        self.desired = Desired(
            self.settings,
            clock=self.clock,
            store=lambda: self.store,
            random=Random(1),
            retry_s=(0.01, 0.05),
        )

    def turn(self, seconds: float = 0.0) -> list[Reply]:
        """What it replies, a while later."""
        self.clock.advance(seconds)
        sent = self.desired.turn(self.clock.monotonic())
        return [Reply.model_validate_json(one.payload) for one in sent]

    def hear(self, leaf: str, payload: bytes) -> list[Reply]:
        """Take a message and look at it."""
        self.desired.on_message(leaf, payload)
        return self.turn()

    def until(self, condition: Any, what: str) -> None:
        def step() -> object:
            self.turn()
            return condition()

        wait_for(step, what)

    def close(self) -> None:
        self.desired.close()
        self.store.close()


class MediaServer:
    """A web server of media; each fault is switched on by setting it.

    Attributes:
        asked: method, path and Range of each request.
        break_after: bytes after which the connection is cut, once for each request.
        status: answered instead of a file.
        etag: of every file; ``None``: none is sent.
        ranges: whether a part may be asked for.
        redirect: where to, instead of an answer.
        stall: holds every answer up in its middle until it is set.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.break_after: int | None = None
        self.status: int | None = None
        self.etag: str | None = '"one"'
        self.ranges = True
        self.redirect: str | None = None
        self.stall: threading.Event | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        scheme = "http" if tls is None else "https"
        self.origin = f"{scheme}://127.0.0.1:{self._server.server_port}/media/"

    def put(self, name: str, data: bytes | str, **changes: Any) -> dict[str, Any]:
        """Have a file, and what a document says of it."""
        data = data.encode() if isinstance(data, str) else data
        self.files[f"/media/{name}"] = data
        said = {"file": name, "url": self.origin + name, "bytes": len(data)}
        return said | {"sha256": hashlib.sha256(data).hexdigest()} | changes

    def campaign(self, note: str = "") -> list[dict[str, Any]]:
        """The media of :data:`CAMPAIGN`."""
        return [self.put("ice.svg", SVG.format("ice" + note)), self.put("far/sun.svg", SVG)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        data = self.files.get(request.path)
        if self.redirect is not None and request.path.startswith("/media/"):
            request.send_response(302)
            request.send_header("Location", self.redirect)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.status is not None or data is None:
            request.send_response(self.status or 404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        begin = self._begin(request, wanted)
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if self.etag is not None:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(data) - begin))
        request.end_headers()
        self._send(request, data[begin:])

    def _begin(self, request: BaseHTTPRequestHandler, wanted: str | None) -> int:
        condition = request.headers.get("If-Range")
        if not wanted or not self.ranges or condition not in (None, self.etag):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _send(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        if self.stall is not None:
            request.wfile.write(data[:10])
            request.wfile.flush()
            self.stall.wait(20)
            data = data[10:]
        if self.break_after is not None:
            request.wfile.write(data[: self.break_after])
            request.wfile.flush()
            request.close_connection = True
            return
        request.wfile.write(data)


def settled(seconds: float = 0.05) -> None:
    """Give a thread that should do nothing the time to do it."""
    time.sleep(seconds)
