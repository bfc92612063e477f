"""What is written, and how far writing has come."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.wire import (
    Branch,
    EarlierHealth,
    EarlierHours,
    EarlierPlays,
    Health,
    Hours,
    Plays,
    Reply,
    Status,
)

Sequenced = Hours | EarlierHours | Plays | EarlierPlays
"""What is numbered, acknowledged and never lost."""

Content = Sequenced | Health | EarlierHealth | Status | Reply


@dataclass(frozen=True)
class Entry:
    """A message of the contract.

    Attributes:
        branch: the device, as the topic names it, which the broker's access list vouches for.
        content: the payload, checked.
        payload: the payload as it came.
    """

    branch: Branch
    content: Content
    payload: bytes


@dataclass(frozen=True)
class StreamKey:
    """One run of sequence numbers: a stream in the life of one state file of one device."""

    branch: Branch
    epoch: str
    stream: str


@dataclass(frozen=True)
class Progress:
    """How far a stream is committed.

    Attributes:
        key: the stream.
        contiguous: everything from 1 to here is committed, or no device holds it any more.
        highest: the highest number that is; more than ``contiguous`` means a gap.
    """

    key: StreamKey
    contiguous: int
    highest: int
