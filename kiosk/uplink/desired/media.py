"""Media: fetched once, kept under the name of what is in them, resumed where they broke off."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from kiosk import __version__
from kiosk.config import DesiredSettings
from kiosk.uplink.access import is_loopback
from kiosk.uplink.desired.files import sync_folder, write_whole
from kiosk.uplink.desired.trust import RefusedError
from kiosk.wire import Medium

CHUNK = 1 << 16

REDIRECTS = 3
"""A publisher that moves a file moves it once or twice."""

LEAST_FREE_BYTES = 64 * 2**20
"""What a download leaves on the disk: the state file is on the same one."""


class NotYetError(Exception):
    """A medium could not be fetched now; another try may succeed. ``str()`` says why."""


class CancelledError(Exception):
    """Nobody wants it any more."""


def check_origin(url: str, origins: Collection[str]) -> None:
    """Whether a medium may come from there.

    Raises:
        RefusedError: another origin, or an address that could lead out of its folder, or one that
            would be read over the network in clear.
    """
    try:
        parts = urlsplit(url)
    except ValueError as bad:
        raise RefusedError(f"{url:.100}: no address: {bad}") from bad
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise RefusedError(f"{url:.100}: media come over https")
    if ".." in unquote(parts.path).split("/") or "\\" in unquote(parts.path):
        raise RefusedError(f"{url:.100}: an address without .. is expected")
    if not any(url.startswith(origin) for origin in origins):
        raise RefusedError(f"{url:.100}: not one of desired.media_origins")


class MediaStore:
    """A folder of media, each named by its SHA-256; used from one thread."""

    def __init__(self, settings: DesiredSettings, ca_file: Path | None) -> None:
        """Nothing is fetched yet.

        Args:
            settings: origins, bounds and patience.
            ca_file: head office's own authority, trusted beside those of this machine.
        """
        self._settings = settings
        self._ca_file = ca_file
        self.folder = settings.folder / "media"

    def path(self, sha256: str) -> Path:
        """Where a medium is, once it has been fetched."""
        return self.folder / sha256

    def check_room(self, media: Collection[Medium]) -> None:
        """Whether there is room for media beside those that are kept.

        Raises:
            RefusedError: they are more than ``desired.media_max_mb``.
            NotYetError: the disk is too full now.
        """
        sizes = {one.sha256: one.bytes for one in media}
        there = {path.name: path.stat().st_size for path in self._kept()}
        total = sum((there | sizes).values())
        most = self._settings.media_max_mb * 2**20
        if total > most:
            raise RefusedError(
                f"its media and those at work are {-(-total // 2**20)} MB together, and"
                f" desired.media_max_mb is {self._settings.media_max_mb}"
            )
        missing = sum(size for name, size in sizes.items() if name not in there)
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < missing + LEAST_FREE_BYTES:
            raise NotYetError(f"the disk has no room for {missing // 2**20} MB of media")

    def fetch(self, medium: Medium, cancelled: Callable[[], bool]) -> None:
        """Have a medium in the folder; one that is there and whole is not fetched again.

        Args:
            medium: what it is, and where it may be had.
            cancelled: whether to give up.

        Raises:
            RefusedError: it may not come from there.
            NotYetError: it could not be fetched; what came stays for the next try.
            CancelledError: as asked.
        """
        try:
            self._have(medium, cancelled)
        except (httpx.InvalidURL, ValueError) as bad:
            raise RefusedError(f"{medium.url:.100}: {bad}") from bad
        except httpx.HTTPError as bad:
            raise NotYetError(f"{medium.file}: {bad or type(bad).__name__}") from bad
        except OSError as bad:
            raise NotYetError(f"{medium.file}: {bad.strerror or bad}") from bad

    def sweep(self, keep: Collection[str]) -> None:
        """Remove what is not wanted any more, parts of it too."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name.split(".")[0] not in keep:
                    path.unlink(missing_ok=True)

    def _have(self, medium: Medium, cancelled: Callable[[], bool]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.path(medium.sha256)
        if place.is_file():
            if _is_whole(place, medium):
                return
            # Damaged on this disk.
            place.unlink()
        part = place.with_name(f"{medium.sha256}.part")
        with self._client() as client:
            self._download(client, medium, part, cancelled)
        if not _is_whole(part, medium):
            part.unlink()
            raise NotYetError(f"{medium.file}: what came is not what was announced (sha256)")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(place)
        _tag_of(part).unlink(missing_ok=True)
        sync_folder(self.folder)

    def _kept(self) -> Iterator[Path]:
        return self.folder.glob("[0-9a-f]" * 64)

    def _client(self) -> httpx.Client:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return httpx.Client(
            verify=context,
            timeout=self._settings.media_timeout_s,
            # The configuration says everything: no proxy or password of an environment.
            trust_env=False,
            headers={"User-Agent": f"kiosk/{__version__}", "Accept-Encoding": "identity"},
        )

    def _download(
        self, client: httpx.Client, medium: Medium, part: Path, cancelled: Callable[[], bool]
    ) -> None:
        begun = part.stat().st_size if part.is_file() else 0
        if begun >= medium.bytes:
            # All of it, and not renamed yet; or of a wrong size: the hash tells.
            return
        headers = {"Range": f"bytes={begun}-"} if begun else {}
        tag = _tag_of(part)
        if begun and tag.is_file():
            headers["If-Range"] = tag.read_text(encoding="ascii")
        with self._opened(client, medium.url, headers) as answer:
            begun = _continued(answer, begun, part)
            _remember_tag(answer, tag)
            with part.open("r+b" if begun else "wb") as file:
                file.seek(begun)
                file.truncate()
                for chunk in answer.iter_raw(CHUNK):
                    if cancelled():
                        raise CancelledError
                    begun += len(chunk)
                    if begun > medium.bytes:
                        raise NotYetError(f"{medium.file}: longer than was announced")
                    file.write(chunk)
        if begun < medium.bytes:
            raise NotYetError(f"{medium.file}: broke off at {begun} of {medium.bytes} bytes")

    @contextmanager
    def _opened(
        self, client: httpx.Client, url: str, headers: dict[str, str]
    ) -> Iterator[httpx.Response]:
        for hop in range(REDIRECTS):
            try:
                check_origin(url, self._settings.media_origins)
            except RefusedError as bad:
                if not hop:
                    raise
                # The server's word, not head office's: a page of a fault or of a sign-in passes.
                raise NotYetError(f"redirected to {bad}") from bad
            with client.stream("GET", url, headers=headers) as answer:
                if not answer.has_redirect_location:
                    yield answer
                    return
                url = urljoin(url, answer.headers["Location"])
        raise NotYetError(f"{url:.100}: redirected too often")


def _continued(answer: httpx.Response, begun: int, part: Path) -> int:
    """From which byte on the answer goes."""
    if answer.status_code == httpx.codes.PARTIAL_CONTENT and begun:
        if answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            return begun
        raise NotYetError("the server sent another part than was asked for")
    if answer.status_code == httpx.codes.OK:
        return 0
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
    raise NotYetError(f"{answer.url!s:.100}: the server answers {answer.status_code}")


def _tag_of(part: Path) -> Path:
    return part.with_suffix(".etag")


def _remember_tag(answer: httpx.Response, tag: Path) -> None:
    """Keep what tells this state of the file from others; a weak tag does not (RFC 9110, 13.1.5).

    Without one, a part of one state may be joined with a part of another: then the hash is wrong,
    and it begins anew.
    """
    found = answer.headers.get("ETag", "")
    if found.startswith('"') and found.isascii():
        write_whole(tag, found.encode())
    else:
        tag.unlink(missing_ok=True)


def _is_whole(path: Path, medium: Medium) -> bool:
    if path.stat().st_size != medium.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == medium.sha256
