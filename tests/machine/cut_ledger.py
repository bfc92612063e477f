"""What was seen on both sides of every power cut, and what has to be true of it at the end.

*Lost* is a play that the device had written down (it was on the disk at a cut, as the disk itself
shows) and that head office does not have in the end. A play that the screen had begun less than
``COMMIT_S`` before a cut may be unknown to everybody: its line was on its way to the disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMIT_S = 3.0
"""From a first frame to its line on the disk; a real processor needs far less of it."""

CHECKPOINT_S = 10.0
"""Counts of the open hour that are younger may be lost, says the design."""


@dataclass(frozen=True)
class OnDisk:
    """A state file as a cut has left it.

    Attributes:
        plays: play to whether it has ended.
        hours: published hour to its sequence number.
        ots: opportunities to see of all hours, published or open.
        epoch: the file's life.
        others: files of the folder that should not be there.
    """

    plays: dict[str, bool]
    hours: dict[str, int]
    ots: int
    epoch: str
    others: tuple[str, ...]


def on_disk(folder: Path) -> OnDisk:
    """Read what :func:`read_back` has found; before the first start there is nothing."""
    names = {path.name for path in folder.iterdir() if path.is_file()}
    known = {"state.db", "state.db-wal", "state.db-shm", "state.db.director", "state.db.lock"}
    with closing(sqlite3.connect(folder / "state.db")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'boots'").fetchone():
            return OnDisk({}, {}, 0, "", tuple(sorted(names - known)))
        plays = db.execute("SELECT play_id, duration_s IS NOT NULL FROM plays").fetchall()
        hours = db.execute("SELECT hour, seq, tables FROM published_hours").fetchall()
        open_ots = db.execute("SELECT sum(count) FROM open_hours WHERE cell = 'ots'").fetchone()
        (epoch,) = db.execute("SELECT epoch FROM identity").fetchone()
    ots = sum(json.loads(tables)["ots"] for _, _, tables in hours) + (open_ots[0] or 0)
    return OnDisk(
        {name: bool(ended) for name, ended in plays},
        {hour: seq for hour, seq, _ in hours},
        ots,
        str(epoch),
        tuple(sorted(names - known)),
    )


@dataclass
class Said:
    """What the stand-ins of one boot have told.

    Attributes:
        presented: play to when its first frame was.
        passed: when each person had gone.
        last_s: the last moment of which anything is known.
    """

    presented: dict[str, float] = field(default_factory=dict)
    passed: list[float] = field(default_factory=list)
    last_s: float = 0.0


def what_was_said(path: Path) -> dict[str, Said]:
    """By boot, in order; a line that a cut has broken off says nothing."""
    boots: dict[str, Said] = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        said = boots.setdefault(told["boot"], Said())
        said.last_s = told["t_s"]
        if told["what"] == "presented":
            said.presented[told["play_id"]] = told["t_s"]
        elif told["what"] == "passed":
            said.passed.append(told["t_s"])
    return boots


@dataclass
class Ledger:
    """Every cut, in order."""

    disks: list[OnDisk] = field(default_factory=list)
    boots: list[str] = field(default_factory=list)
    oldest_unknown_s: float = 0.0

    def note(self, disk: OnDisk, said: Said | None) -> None:
        """A cut: nothing that stood on the disk before it may have gone by it.

        Args:
            disk: the state after the cut.
            said: by the stand-ins in the boot that was cut; ``None``: the cut came before them.
        """
        before = self.disks[-1] if self.disks else OnDisk({}, {}, 0, disk.epoch, ())
        self.disks.append(disk)
        assert disk.others == (), f"a state file was set aside: {disk.others}"
        assert disk.epoch == before.epoch or not before.epoch, "the state file began a new life"
        assert before.plays.keys() <= disk.plays.keys(), "plays have gone from the disk"
        assert before.hours.items() <= disk.hours.items(), "published hours have changed"
        said = said or Said()
        owed = sum(said.last_s - gone_s > CHECKPOINT_S for gone_s in said.passed)
        assert disk.ots >= before.ots + owed, (
            f"of {owed} people who had gone {CHECKPOINT_S:g} s before the cut,"
            f" {disk.ots - before.ots} were kept"
        )
        assert disk.ots <= before.ots + len(said.passed) + 1, "people were counted twice"
        for play, at_s in said.presented.items():
            age_s = said.last_s - at_s
            if play not in disk.plays:
                self.oldest_unknown_s = max(self.oldest_unknown_s, age_s)
                assert age_s <= COMMIT_S, f"a play of {age_s:.1f} s before the cut is not kept"

    @property
    def plays(self) -> set[str]:
        """Every play that was ever on the disk."""
        return {play for disk in self.disks for play in disk.plays}

    @property
    def hours(self) -> dict[str, int]:
        """Every hour that was ever published on the disk."""
        return {hour: seq for disk in self.disks for hour, seq in disk.hours.items()}


def twice(names: list[str]) -> list[str]:
    """What occurs more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
