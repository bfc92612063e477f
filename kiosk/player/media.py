"""Media: which of a campaign's files may be shown, and each opened as the one that was checked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kiosk.ads import Campaign, Creative, medium_fault

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Between two looks at the files; a look that finds nothing new costs one stat each."""

CHUNK = 1 << 20

QUIET_NS = 1_000_000_000
"""A file that was written to within this is looked at later: it may be being copied, and a second
write within the file system's tick would leave no trace in its times."""

UNCHECKED = "its medium has not been checked yet"


@dataclass(frozen=True)
class Stamp:
    """What a file looks like from outside; another one after any write to it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @staticmethod
    def of(found: os.stat_result) -> Stamp:
        """Of a file's status."""
        return Stamp(
            found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        )


@dataclass(frozen=True)
class _Verdict:
    """Of one file against one checksum; ``why`` is empty when it may be shown."""

    stamp: Stamp | None
    why: str


class OpenMedium:
    """A medium that is open, and is the one that was checked for as long as it stays unwritten."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.stat = os.fstat(file.fileno())
        self._stamp = Stamp.of(self.stat)

    @property
    def stamp(self) -> Stamp:
        """As it was when it was opened."""
        return self._stamp

    @property
    def path(self) -> str:
        """By which this very file is opened again, whatever its name leads to by now."""
        return f"/proc/self/fd/{self._file.fileno()}"

    @property
    def changed(self) -> bool:
        """Somebody wrote to it since it was opened."""
        return Stamp.of(os.fstat(self._file.fileno())) != self._stamp

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


_Key = tuple[Path, str | None, str]


class Media:
    """The files of the campaigns that play, looked at again and again beside everything else."""

    def __init__(
        self,
        campaigns: Callable[[], Sequence[Campaign]],
        verified: Path | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nothing has been looked at.

        Args:
            campaigns: those of which something may be on screen, newest first.
            verified: a folder of media whose checksums were checked when they were put there.
            now_ns: wall clock, the one of the files' times.
        """
        self._campaigns = campaigns
        self._verified = verified
        self._now_ns = now_ns
        self._verdicts: dict[_Key, _Verdict] = {}
        self._told: set[tuple[_Key, str]] = set()
        self._faulty = False
        self._stop = threading.Event()

    def refused(self) -> dict[str, str]:
        """Ids of the newest campaign's creatives that must not be shown, and why."""
        campaigns = self._campaigns()
        found = {one.id: self._why(one) for one in (campaigns[0].creatives if campaigns else ())}
        return {name: why for name, why in found.items() if why}

    def find(self, creative_id: str, name: str) -> Creative | None:
        """The creative of that id whose file has that name."""
        for campaign in self._campaigns():
            for one in campaign.creatives:
                if one.id == creative_id and one.path.name == name:
                    return one
        return None

    def open(self, creative: Creative) -> OpenMedium | None:
        """Open a medium that may be shown; ``None`` when there is none, or it may not."""
        try:
            medium = OpenMedium(_open(creative.path))
        except OSError:
            return None
        verdict = self._verdicts.get(_key(creative))
        known = verdict is not None and verdict.stamp == medium.stamp
        fit = not verdict.why if verdict is not None and known else not self._has_sum(creative)
        if fit:
            return medium
        medium.close()
        return None

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except Exception:  # noqa: BLE001 - it is told, and the next look comes
                    self._tell_fault()
                await asyncio.sleep(LOOK_S)
        finally:
            self._stop.set()

    async def look(self) -> None:
        """Look at every file once; a thread reads those that are new or changed."""
        creatives = {_key(one): one for campaign in self._campaigns() for one in campaign.creatives}
        await asyncio.to_thread(self._look, creatives)

    def _tell_fault(self) -> None:
        if not self._faulty:
            log.exception("event=director_fault duty=media: it goes on, and says this once")
        self._faulty = True

    def _look(self, creatives: dict[_Key, Creative]) -> None:
        for gone in self._verdicts.keys() - creatives.keys():
            del self._verdicts[gone]
        self._told = {told for told in self._told if told[0] in creatives}
        # The small ones first: a long film must not keep everything else off the screen.
        for key in sorted(creatives, key=lambda key: _size(key[0])):
            if self._stop.is_set():
                return
            self._judge(key, creatives[key])

    def _judge(self, key: _Key, creative: Creative) -> None:
        before = self._verdicts.get(key)
        try:
            stamp = Stamp.of(creative.path.stat())
        except OSError as bad:
            self._conclude(key, creative, _Verdict(None, f"its medium: {_said(bad)}"))
            return
        if before is not None and before.stamp == stamp:
            return
        written_ns = max(stamp.mtime_ns, stamp.ctime_ns)
        if self._has_sum(creative) and abs(self._now_ns() - written_ns) < QUIET_NS:
            self._verdicts[key] = _Verdict(None, UNCHECKED)
            return
        verdict = self._look_inside(creative)
        if not self._stop.is_set():
            self._conclude(key, creative, verdict)

    def _look_inside(self, creative: Creative) -> _Verdict:
        try:
            with _open(creative.path) as file:
                stamp = Stamp.of(os.fstat(file.fileno()))
                why = medium_fault(creative.path, creative.path.name, creative.kind) or ""
                if not why and self._has_sum(creative):
                    found = self._sum_of(file)
                    if found != creative.sha256:
                        why = f"its medium is another one: sha256 {found}, not {creative.sha256}"
                if Stamp.of(os.fstat(file.fileno())) != stamp:
                    return _Verdict(None, UNCHECKED)
        except OSError as bad:
            return _Verdict(None, f"its medium: {_said(bad)}")
        return _Verdict(stamp, why)

    def _sum_of(self, file: BinaryIO) -> str:
        digest = hashlib.sha256()
        while not self._stop.is_set() and (part := file.read(CHUNK)):
            digest.update(part)
        return digest.hexdigest()

    def _conclude(self, key: _Key, creative: Creative, verdict: _Verdict) -> None:
        self._verdicts[key] = verdict
        if not verdict.why or verdict.why == UNCHECKED:
            self._told = {told for told in self._told if told[0] != key}
        elif (key, verdict.why) not in self._told:
            self._told.add((key, verdict.why))
            log.error(
                "event=medium_refused creative=%s why=%s: it is not shown",
                creative.id,
                verdict.why,
            )

    def _why(self, creative: Creative) -> str:
        verdict = self._verdicts.get(_key(creative))
        if verdict is not None:
            return verdict.why
        return UNCHECKED if self._has_sum(creative) else ""

    def _has_sum(self, creative: Creative) -> bool:
        if creative.sha256 is None:
            return False
        return self._verified is None or not creative.path.is_relative_to(self._verified)


def _key(creative: Creative) -> _Key:
    return creative.path, creative.sha256, creative.kind


def _open(path: Path) -> BinaryIO:
    # A pipe would be waited for until somebody writes to it.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(None, "no plain file")
    return file


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _said(bad: OSError) -> str:
    return bad.strerror or str(bad)
