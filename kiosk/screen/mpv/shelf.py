"""Media kept in memory: the untargeted rotation, for while the director is away, and drawings.

Nothing in it has the end of a name: FFmpeg would go by that, and mpv refuses what FFmpeg then takes
a picture for (a sequence of files). A drawing (SVG) is found by a line with its XML declaration
(FFmpeg 5.1, libavformat/img2dec.c), which most leave out, so it is put before.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

SHELF_MB = 64
"""As much as the browser's cache has. What does not fit is asked of the director each time."""

DRAWINGS_MAX = 16
"""That are not of the rotation."""

XML = b'<?xml version="1.0"?>\n'

ANSWER_S = 5.0
READ_BYTES = 1 << 16


class Shelf:
    """A bounded folder. One thread fills it; anybody may ask where a medium is."""

    def __init__(self, origin: str, folder: Path, most_bytes: int = SHELF_MB << 20) -> None:
        """Empty.

        Args:
            origin: of the director's server, such as ``http://127.0.0.1:8765``.
            folder: in memory; what is in it goes.
            most_bytes: of all that is kept.
        """
        self._origin = origin
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: dict[str, Path] = {}
        self._wanted: tuple[str, ...] = ()
        self._drawings: list[str] = []
        self._filler: threading.Thread | None = None
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()

    def where(self, url: str) -> str:
        """A file's path, or the address at the director; a drawing is fetched at once."""
        with self._lock:
            kept = self._kept.get(url)
        if kept is None and _is_drawing(url):
            self._drawings = [*self._drawings, url][-DRAWINGS_MAX:]
            self._fetch(url)
            kept = self._kept.get(url)
        return str(kept) if kept is not None else self._origin + url

    def keep(self, urls: Iterable[str]) -> None:
        """Have these, as far as they fit, and no others."""
        with self._lock:
            self._wanted = tuple(dict.fromkeys(urls))
            if self._filler is not None and self._filler.is_alive():
                return
            self._filler = threading.Thread(target=self._fill, name="mpv-shelf", daemon=True)
            self._filler.start()

    def _fill(self) -> None:
        while True:
            with self._lock:
                wanted = self._wanted
                gone = self._kept.keys() - {*wanted, *self._drawings}
                for url in gone:
                    # What mpv has open stays readable until it lets go.
                    self._kept.pop(url).unlink(missing_ok=True)
                missing = [url for url in wanted if url not in self._kept]
            for url in missing:
                if self._wanted == wanted:
                    self._fetch(url)
            with self._lock:
                if self._wanted == wanted:
                    self._filler = None
                    return

    def _fetch(self, url: str) -> None:
        file = self._folder / hashlib.sha256(url.encode()).hexdigest()[:32]
        with self._lock:
            room = self._most - sum(_size(kept) for kept in self._kept.values())
        whole = False
        with suppress(OSError, HTTPException, ValueError):
            whole = self._download(url, file, room)
        if not whole:
            # Only a head start: what plays says itself what cannot be loaded.
            file.unlink(missing_ok=True)
            return
        with self._lock:
            self._kept[url] = file

    def _download(self, url: str, file: Path, room: int) -> bool:
        where = urlsplit(self._origin)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=ANSWER_S)
        try:
            connection.request("GET", url)
            answer = connection.getresponse()
            size = int(answer.headers["Content-Length"] or -1)
            if answer.status != 200 or not 0 <= size <= room:
                return False
            got = 0
            with file.open("wb") as writing:
                while chunk := answer.read(READ_BYTES):
                    if not got and _is_drawing(url) and not chunk.startswith(XML[:5]):
                        writing.write(XML)
                    writing.write(chunk)
                    got += len(chunk)
            return got == size
        finally:
            connection.close()


def _is_drawing(url: str) -> bool:
    return PurePosixPath(urlsplit(url).path).suffix.lower() == ".svg"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
