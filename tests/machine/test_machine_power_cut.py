"""Power cuts at random instants: head office gets every play once, and every hour once.

The emulator is killed, so that whatever the kernel within has not given to its disk is gone. What
a disk or card itself has promised and not kept is not shown: this one keeps what it was given.

The screen and the camera are stand-ins within the machine; director, uplink, state file, units and
file system are the real ones. Without noise, so that counts can be checked one by one; noise is
drawn before the one transaction that publishes an hour, and changes nothing of it.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.machine.cut_ledger import Ledger, on_disk, twice, what_was_said
from tests.machine.emulated import BOOT_S, Emulated
from tests.machine.machine_disks import read_back
from tests.machine.shop_machine import Office, office, set_up, settings, switch_to_stand_ins
from tests.proofs import Claim

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

CUTS = int(os.environ.get("KIOSK_CUTS", "20"))
SEED = int(os.environ.get("KIOSK_SEED", "0")) or secrets.randbelow(2**31)
"""Of the instants; printed, so that a run can be had again as far as an emulator allows."""

RUN_S = (1.0, 24.0)
"""A cut comes so long after the boot's first play."""

EARLY_EVERY = 5
"""Of so many cuts one comes while the machine boots."""

HOUR_ENDS_S = (2.0, 12.0)
"""So long after the boot's first play, by what the last boots took."""

OUTBOX = """
import sqlite3
db = sqlite3.connect("/var/lib/kiosk/state.db")
print(db.execute("SELECT count(*) FROM outbox").fetchone()[0],
      db.execute("SELECT count(*) FROM plays WHERE seq IS NULL").fetchone()[0])
"""


class Calendar:
    """One hour's end a boot."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self._end = now - timedelta(hours=CUTS + 6)
        self.start_s = 60.0

    def next(self) -> datetime:
        """What the clock shall show when the machine is switched on."""
        self._end += timedelta(hours=1)
        before_s = self.start_s + self._draw.uniform(*HOUR_ENDS_S)
        return self._end - timedelta(seconds=before_s)

    def took(self, start_s: float) -> None:
        """A boot came to its first play after so long."""
        self.start_s = start_s


def test_power_cuts_lose_no_play_and_no_published_hour(
    machine: Emulated, tmp_path: Path, claim: Claim
) -> None:
    """Power cuts at random instants lose and double no play and no published hour."""
    claim.figure(f"{CUTS} cuts, KIOSK_SEED={SEED}")
    draw, ledger, begun_s = random.Random(SEED), Ledger(), time.monotonic()
    with office(tmp_path) as head:
        calendar = Calendar(draw)
        machine.switch_on(calendar.next())
        machine.wait_until_up()
        set_up(machine, settings(head.port), ("kiosk-director", "kiosk-uplink"))
        switch_to_stand_ins(machine)
        machine.sh("systemctl start --no-block kiosk.target stand-in; sync")
        begun_s = time.monotonic()
        for number in range(CUTS):
            early = number % EARLY_EVERY == EARLY_EVERY - 1
            if number:
                machine.switch_on(calendar.next())
            _live(machine, calendar, draw, early=early)
            _cut(machine, ledger, tmp_path / f"cut-{number}")
        per_min = CUTS / ((time.monotonic() - begun_s) / 60)
        machine.switch_on(calendar.next())
        _drain(machine, head)
        _cut(machine, ledger, tmp_path / "end", orderly=True)
        _check(head, ledger, what_was_said(machine.said), claim)
        claim.figure(f"{per_min:.1f} cuts a minute")


def _boots(machine: Emulated) -> dict[str, int]:
    return {name: len(said.presented) for name, said in what_was_said(machine.said).items()}


def _live(machine: Emulated, calendar: Calendar, draw: random.Random, *, early: bool) -> None:
    """Let a boot live until the instant of its cut."""
    before = _boots(machine)
    if early:
        time.sleep(calendar.start_s * draw.uniform(0.2, 1.0))
        return

    def plays() -> bool:
        return any(count for name, count in _boots(machine).items() if name not in before)

    machine.patiently(plays, "a play in this boot", 2 * BOOT_S)
    if before:
        calendar.took(time.monotonic() - machine.on_s)
    time.sleep(draw.uniform(*RUN_S))


def _cut(machine: Emulated, ledger: Ledger, folder: Path, *, orderly: bool = False) -> None:
    machine.cut()
    folder.mkdir()
    disk = on_disk(read_back(machine.state, folder / "state"))
    said = what_was_said(machine.said)
    fresh = [name for name in said if name not in ledger.boots]
    ledger.boots.extend(fresh)
    ledger.note(disk, said[fresh[-1]] if fresh else None)
    print(
        f"{folder.name}: {len(disk.plays)} plays and {len(disk.hours)} published hours on the disk,"
        f" {disk.ots} people, {'no stand-in' if not fresh else len(said[fresh[-1]].presented)}"
        f"{'' if not orderly else ', in good order'}",
        flush=True,
    )


def _drain(machine: Emulated, head: Office) -> None:
    """A last boot; then the director stops in good order, and uplink empties the outbox."""
    machine.wait_until_up()
    for service in ("kiosk-director", "kiosk-uplink"):

        def is_active(service: str = service) -> bool:
            return machine.show(f"{service}.service", "ActiveState") == "active"

        machine.patiently(is_active, f"{service} runs", BOOT_S, every_s=1)
    time.sleep(10)
    machine.sh("systemctl stop stand-in kiosk-director")
    waiting = ""

    def is_empty() -> bool:
        nonlocal waiting
        waiting = machine.run("python3", "-c", OUTBOX).strip()
        return waiting == "0 0"

    try:
        machine.patiently(is_empty, "the outbox is empty", BOOT_S, every_s=2)
    except AssertionError as bad:
        bad.add_note(f"outbox, plays in no batch: {waiting}\n{machine.journal('kiosk-uplink')}")
        raise
    machine.sh("systemctl stop kiosk-uplink; sync")


def _check(head: Office, ledger: Ledger, said: dict, claim: Claim) -> None:
    proofs = head.plays()
    names = [play["play_id"] for play in proofs]
    claim.figure(f"{len(names)} plays, {len(ledger.hours)} hours at head office")
    assert twice(names) == []
    assert ledger.plays - set(names) == set(), "the device had these, head office has not"
    assert set(names) - ledger.plays == set(), "head office has plays that were never on the disk"
    on_screen = {play for boot in said.values() for play in boot.presented}
    claim.figure(
        f"{len(on_screen)} seen on the screen, {len(on_screen - set(names))} of them begun at most"
        f" {ledger.oldest_unknown_s:.1f} s before a cut and unknown"
    )
    invented = {play["play_id"] for play in proofs if play["presented"]} - on_screen
    assert len(invented) <= len(ledger.disks), f"plays that no screen has shown: {invented}"

    hours = head.ask("SELECT at, epoch, seq FROM hours")
    assert len({at for at, _, _ in hours}) == len(hours) == len(ledger.hours)
    assert {seq for _, _, seq in hours} == set(ledger.hours.values())
    assert len(hours) >= CUTS // 2, "too few hours ended for the cuts to have met them"

    _check_numbers(head)


def _check_numbers(head: Office) -> None:
    """Numbers without holes, and whatever was sent again the same to the byte."""
    sent: dict[tuple[str, str, int], set[bytes]] = defaultdict(set)
    labels: dict[str, set[int]] = defaultdict(set)
    for topic, payload in head.tape.heard:
        if topic.endswith(("/up/hours", "/up/plays")):
            told = json.loads(payload)
            sent[told["stream"], told["epoch"], told["seq"]].add(payload)
            if told["stream"] == "hours":
                labels[told["hour"]].add(told["seq"])
    assert len({epoch for _, epoch, _ in sent}) == 1
    assert [key for key, payloads in sent.items() if len(payloads) > 1] == []
    assert [label for label, numbers in labels.items() if len(numbers) > 1] == []
    for stream in ("hours", "plays"):
        numbers = sorted(seq for name, _, seq in sent if name == stream)
        assert numbers == list(range(1, len(numbers) + 1))
        told = head.ask(
            f"SELECT contiguous, beyond, given_up, gap_since FROM streams WHERE stream = '{stream}'"
        )
        assert told == [(len(numbers), "[]", 0, None)]
    assert head.ask("SELECT count(*) FROM conflicts") == [(0,)]
    assert head.ask("SELECT sentence FROM alerts WHERE kind = 'sequence_gap'") == []
