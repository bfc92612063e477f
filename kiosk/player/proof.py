"""Proof of play, as it goes over the wire, and as a device exports it itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.audience import standard_deviation
from kiosk.clock import iso
from kiosk.config import DeviceSettings
from kiosk.proof import PlayedHour, ProofRow, hour_of, proof_row
from kiosk.state import EndedPlay, PublishedHour, read_ended
from kiosk.wire import HourTables, PlayProof, Plays

PAGE = 2000
"""Plays of one look at the state file: some hours, and less than a megabyte."""

FORGOTTEN = PlayedHour(None, None)
"""An hour that was published, and of which only the ledger's line is left."""


def plays_payload(seq: int, plays: Sequence[EndedPlay], epoch: str) -> bytes:
    """A batch of ended plays; the reason of each choice is not in it and stays on the device."""
    return Plays(seq=seq, epoch=epoch, plays=[_proof(play) for play in plays]).encode()


def exported_plays(
    state: Path, device: DeviceSettings, since: str, before: str, *, at_once: int = PAGE
) -> Iterator[Sequence[ProofRow]]:
    """Plays of the state file, some at a time, in the order in which they began.

    An hour's multiplier is taken from what was published of it, noise included, also while the
    exact counts of the open hour are there: more than that leaves this device by no way.

    Args:
        state: the file; it is only read, and a director may run meanwhile.
        device: its name and time zone.
        since: when the first may have begun, RFC 3339 in UTC with seconds.
        before: when none may have begun any more.
        at_once: plays in memory.

    Raises:
        StateError: there is no file, it cannot be read, or an older or newer kiosk wrote it.
    """
    place, zone = (device.tenant, device.site, device.name), ZoneInfo(device.timezone)
    page = read_ended(state, since, before, limit=at_once)
    while True:
        hours = {label: _hour(one) for label, one in page.hours.items()}
        proofs = [_proof(play) for play in page.plays]
        yield [proof_row(place, one, hours.get(iso(hour_of(one.start))), zone) for one in proofs]
        if page.next is None:
            return
        page = read_ended(state, since, before, page.next, at_once)


def _proof(play: EndedPlay) -> PlayProof:
    return PlayProof(
        play_id=play.play_id,
        creative=play.creative,
        campaign=play.campaign,
        contract=play.contract,
        start=datetime.fromisoformat(play.started),
        duration_s=play.duration_s,
        completed=play.completed,
        presented=play.presented,
    )


@lru_cache(maxsize=64)
def _hour(published: PublishedHour | None) -> PlayedHour:
    if published is None:
        return FORGOTTEN
    tables = HourTables.model_validate_json(published.tables)
    scale = json.loads(published.scales or "{}").get("impressions")
    variance = standard_deviation(scale) ** 2 if scale else 0.0
    return PlayedHour(tables.plays, tables.impressions, variance)
