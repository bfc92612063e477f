"""Files that a publisher serves, from there or from a mirror."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from kiosk.errors import ModelError
from kiosk.models.wheels import check_sha256
from kiosk.vision import UrlSource

TIMEOUT_S = 60
"""Without a byte from the server."""


def read_url(source: UrlSource, path: str, mirror: str = "") -> bytes:
    """The bytes of one file.

    Args:
        source: whose file it is.
        path: of the file, below the publisher's address or the publisher's folder in the mirror.
        mirror: folder or address with a folder per publisher, read in its place; or nothing.

    Raises:
        ModelError: it is not there, or has another sha256 than its card says.
    """
    if not mirror:
        place = source.base.rstrip("/") + "/" + urllib.parse.quote(path)
        data = _served(place, "fetch it on another machine and give `--mirror FOLDER`")
    elif "://" in mirror:
        place = "/".join([mirror.rstrip("/"), source.package, urllib.parse.quote(path)])
        data = _served(place, "is the mirror complete, and its address right?")
    else:
        place = str(Path(mirror) / source.package / path)
        data = _copied(Path(mirror), Path(place))
    check_sha256(place, data, source.files[path])
    return data


def _served(address: str, hint: str) -> bytes:
    if not address.startswith(("http://", "https://", "file://")):
        raise ModelError(f"{address}: not an address", hint="it starts with https://")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read()
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException) as bad:
        code = f"{bad.code} " if isinstance(bad, urllib.error.HTTPError) else ""
        reason = code + str(getattr(bad, "reason", None) or bad)
        raise ModelError(f"{address}: cannot be downloaded: {reason}", hint=hint) from bad
    return data


def _copied(mirror: Path, path: Path) -> bytes:
    if not mirror.is_dir():
        raise ModelError(f"{mirror}: there is no such folder", hint="give `--mirror` a folder")
    try:
        return path.read_bytes()
    except OSError as bad:
        raise ModelError(
            f"{path}: missing in the mirror: {bad.strerror}",
            hint="copy the file from its publisher to this place",
        ) from bad
