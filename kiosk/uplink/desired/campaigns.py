"""Campaigns: fetched in a thread of its own, put together, checked, and shown to the director."""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from kiosk.ads import load_campaign
from kiosk.config import DesiredSettings, campaign_pointer, installed_campaign
from kiosk.errors import CampaignError
from kiosk.uplink.backoff import Backoff
from kiosk.uplink.desired.files import sync_folder, write_whole
from kiosk.uplink.desired.media import CancelledError, MediaStore, NotYetError, check_origin
from kiosk.uplink.desired.standing import Given, Standing
from kiosk.uplink.desired.trust import RefusedError
from kiosk.wire import Document

log = logging.getLogger(__name__)

CAMPAIGN_FILE = "campaign.yaml"

LINGER_S = 900.0
"""How long the campaign before stays on the disk: a creative of it may be on screen, and the
longest lasts 600 s."""

CLOSE_S = 2.0
"""How long a stopping process waits for the thread; one that waits for a server is left behind."""

NAME_BYTES = 255
"""Longest name of a file (Linux: NAME_MAX)."""

NEWS_MAX = 100
"""Steps of the thread that the loop has not looked at; more are left out."""


@dataclass(frozen=True)
class News:
    """A step of the thread.

    Attributes:
        given: of which document.
        reason: why it is not used; empty: it is.
        final: no other try is made.
        name: of the campaign.
    """

    given: Given
    reason: str = ""
    final: bool = True
    name: str = ""


class Campaigns:
    """Takes campaigns; the newest one that came is worked on, and no other.

    Attributes:
        standing: which one is at work.
    """

    def __init__(
        self,
        settings: DesiredSettings,
        store: MediaStore,
        backoff: Backoff,
        monotonic: Callable[[], float],
    ) -> None:
        """Look at what was installed before.

        Args:
            settings: folder and bounds.
            store: the media.
            backoff: waits between two tries of a download.
            monotonic: the time.
        """
        self._settings = settings
        self._folder = campaign_pointer(settings.folder).parent
        self._store = store
        self._backoff = backoff
        self._monotonic = monotonic
        self.standing = self._found()
        self._news: queue.Queue[News] = queue.Queue(NEWS_MAX)
        self._wake = threading.Condition()
        self._wanted: Given | None = None
        self._closing = False
        self._sweep_at = monotonic() + LINGER_S
        self._thread: threading.Thread | None = None

    def take(self, given: Given) -> None:
        """Begin to install a campaign, in place of one that is being fetched.

        Raises:
            RefusedError: it is older than the installed one, or cannot be one of ours.
        """
        if not self.standing.weigh(given):
            return
        if self._wanted is not None:
            if self._wanted.digest == given.digest:
                return
            fetched = self._wanted.document.version
            if given.document.version <= fetched:
                raise RefusedError(
                    f"version {given.document.version} is not newer than {fetched}, whose media"
                    " are being fetched"
                )
        check_listing(given.document)
        for medium in given.document.media:
            check_origin(medium.url, self._settings.media_origins)
        version, count = given.document.version, len(given.document.media)
        self.standing.wait(version, f"its media ({count}) are being fetched")
        with self._wake:
            self._wanted = given
            self._wake.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="media", daemon=True)
            self._thread.start()

    def turn(self) -> bool:
        """Hear of the thread; returns whether another campaign is at work now."""
        changed = False
        while True:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
            changed |= self._heard(news)
        with self._wake:
            idle = self._wanted is None
        if idle and self._monotonic() >= self._sweep_at:
            self._sweep_at = float("inf")
            # While what is installed is damaged, the director may go on with what it has read.
            if self.standing.version:
                self._sweep(self.standing.version)
        return changed

    def close(self) -> None:
        """Stop; what was fetched so far is there at the next start."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _found(self) -> Standing:
        try:
            installed = installed_campaign(self._settings)
            if installed is None:
                return Standing("campaign")
            pointer = json.loads(campaign_pointer(self._settings.folder).read_bytes())
            digest = str(pointer.get("digest", ""))
            if installed.file is not None:
                load_campaign(installed.file)
        except (CampaignError, ValueError, OSError) as bad:
            log.warning(
                'event=desired_campaign_damaged reason="%s": it is fetched anew',
                str(bad).splitlines()[0],
            )
            standing = Standing(
                "campaign", installed.version if isinstance(bad, CampaignError) and installed else 0
            )
            standing.version = 0
            return standing
        standing = Standing("campaign", installed.version, digest)
        standing.name = installed.name
        return standing

    def _heard(self, news: News) -> bool:
        version = news.given.document.version
        if not news.final:
            self.standing.wait(version, news.reason)
        elif news.reason:
            self.standing.refuse(version, news.reason)
        else:
            self.standing.install(news.given, name=news.name)
            self._sweep_at = self._monotonic() + LINGER_S
            return True
        return False

    # In the thread.

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing or self._wanted is not None)
                if self._closing or self._wanted is None:
                    return
                given = self._wanted
            try:
                self._tell(News(given, name=self._install(given)))
            except CancelledError:
                continue
            except RefusedError as bad:
                self._tell(News(given, str(bad)))
            except Exception as bad:  # noqa: BLE001 - whatever it is, what plays goes on
                if not isinstance(bad, NotYetError):
                    log.error("event=campaign_fault error=%r: please report it", bad)
                self._wait_after(given, bad)
                continue
            self._backoff.reset()
            self._done(given)

    def _install(self, given: Given) -> str:
        document = given.document
        if document.content:
            # Room first: of those that nobody needs any more, nothing is kept.
            self._sweep(None, document)
            self._store.check_room(document.media)
        for medium in document.media:
            self._store.fetch(medium, lambda: self._cancelled(given))
        try:
            return self._put_together(given)
        except OSError as bad:
            raise NotYetError(f"it cannot be written here: {bad.strerror or bad}") from bad

    def _put_together(self, given: Given) -> str:
        document = given.document
        name, file = "", None
        if document.content:
            name = self._assemble(document)
            file = f"{document.version}/{CAMPAIGN_FILE}"
        installed = {"version": document.version, "name": name, "file": file}
        pointer = campaign_pointer(self._settings.folder)
        write_whole(pointer, json.dumps(installed | {"digest": given.digest}).encode())
        return name

    def _assemble(self, document: Document) -> str:
        """Make the campaign's folder, to which nothing points yet; returns the campaign's name."""
        place = self._folder / str(document.version)
        # What a power cut left, or one that is damaged: what plays has another version.
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for medium in document.media:
            target = place / medium.file
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._store.path(medium.sha256), target)
        text = yaml.safe_dump(document.content, allow_unicode=True, sort_keys=False)
        write_whole(place / CAMPAIGN_FILE, text.encode())
        try:
            campaign = load_campaign(place / CAMPAIGN_FILE)
        except CampaignError as bad:
            shutil.rmtree(place, ignore_errors=True)
            raise RefusedError(str(bad).splitlines()[0].replace(f"{place}/", "")) from bad
        for folder in {self._folder, place, *(path.parent for path in place.rglob("*"))}:
            sync_folder(folder)
        return campaign.name

    def _sweep(self, only: int | None, coming: Document | None = None) -> None:
        """Remove campaigns and media that nobody needs.

        Args:
            only: the version that stays; ``None``: the one before may still be on screen.
            coming: what is being fetched.
        """
        try:
            if only is not None:
                for path in self._folder.iterdir():
                    if path.is_dir() and path.name != str(only):
                        shutil.rmtree(path, ignore_errors=True)
            linked = {path.stat().st_ino for path in self._folder.rglob("*") if path.is_file()}
            keep = {one.sha256 for one in coming.media} if coming is not None else set()
            for path in self._store.folder.glob("*"):
                if path.stat().st_ino in linked:
                    keep.add(path.name)
            self._store.sweep(keep)
        except OSError as bad:
            log.debug("event=media_not_swept reason=%s", bad)

    def _cancelled(self, given: Given) -> bool:
        return self._closing or self._wanted is not given

    def _tell(self, news: News) -> None:
        try:
            self._news.put_nowait(news)
        except queue.Full:
            log.debug("event=campaign_news_left_out")

    def _wait_after(self, given: Given, bad: Exception) -> None:
        wait_s = self._backoff.next_s()
        log.info(
            'event=media_not_fetched version=%d reason="%s" retry_s=%.0f: what plays goes on',
            given.document.version,
            bad,
            wait_s,
        )
        self._tell(News(given, str(RefusedError(f"not fetched yet: {bad}")), final=False))
        with self._wake:
            self._wake.wait_for(lambda: self._cancelled(given), wait_s)

    def _done(self, given: Given) -> None:
        with self._wake:
            if self._wanted is given:
                self._wanted = None


def _longest_part(file: str) -> int:
    return max(len(part.encode()) for part in file.split("/"))


def check_listing(document: Document) -> None:
    """Whether the media of a campaign document and its campaign file speak of the same files.

    Raises:
        RefusedError: a file is listed twice, missing, or of a name that is ours.
    """
    names: set[str] = set()
    folders: set[str] = set()
    for medium in document.media:
        if medium.file in names:
            raise RefusedError(f"media: {medium.file} is listed twice")
        if PurePosixPath(medium.file).parts[0] == CAMPAIGN_FILE:
            raise RefusedError(f"media: {medium.file}: another name is expected")
        if not medium.file.isprintable() or _longest_part(medium.file) > NAME_BYTES:
            raise RefusedError(f"media: {medium.file!a:.100}: no file can be called so")
        names.add(medium.file)
        folders.update(str(folder) for folder in PurePosixPath(medium.file).parents)
    if names & folders:
        raise RefusedError(f"media: {min(names & folders)} is a file and a folder")
    creatives = document.content.get("creatives")
    for one in creatives if isinstance(creatives, list) else ():
        file = one.get("file") if isinstance(one, dict) else None
        if isinstance(file, str) and file not in names:
            raise RefusedError(f"creatives: {file}: not one of its media")
    if not document.content and names:
        raise RefusedError("media without a campaign")
