"""Proof of play, as it goes over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kiosk.state import EndedPlay
from kiosk.wire import PlayProof, Plays


def plays_payload(seq: int, plays: Sequence[EndedPlay], epoch: str) -> bytes:
    """A batch of ended plays; the reason of each choice is not in it and stays on the device."""
    return Plays(
        seq=seq,
        epoch=epoch,
        plays=[
            PlayProof(
                play_id=play.play_id,
                creative=play.creative,
                campaign=play.campaign,
                start=datetime.fromisoformat(play.started),
                duration_s=play.duration_s,
                completed=play.completed,
                presented=play.presented,
            )
            for play in plays
        ],
    ).encode()
