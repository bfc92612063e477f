"""One channel, one checker; all of them together, and what they have seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.tap import mqtt, pages, scan, speech, state
from tests.e2e.tap.ledger import Ledger, Places, Written
from tests.e2e.tap.trace import Call


@dataclass
class Verdict:
    """What came of a tap.

    Attributes:
        offences: sentences; none is what there should be.
        sizes: bytes by process and channel.
        published: topic and payload of every message to the broker.
        state: what the state file came to.
        seen: paths of fields, by channel.
    """

    offences: list[str] = field(default_factory=list)
    sizes: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    published: list[tuple[str, bytes]] = field(default_factory=list)
    state: state.Replay | None = None
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@dataclass(frozen=True)
class Visits:
    """What the test knows of those who listen.

    Attributes:
        branch: topics of the device begin with it.
        asked: what the test asked the pages for, by its own port.
        files: see :func:`pages.check_page`.
    """

    branch: str
    asked: Mapping[str, str]
    files: Mapping[str, Path]


def judge(calls: Iterable[Call], places: Places, visits: Visits) -> Verdict:
    """Look at every byte of a tap.

    Args:
        calls: of all processes, in the order of their beginning.
        places: where the appliance may write.
        visits: what the test did meanwhile.
    """
    ledger = Ledger(places)
    ledger.book(calls)
    verdict = Verdict(offences=list(ledger.offences))
    for one in ledger.written:
        verdict.sizes[one.process, one.channel] += len(one.data)
    streams = _streams(ledger.written)
    for (channel, key), stream in streams.items():
        verdict.offences += _check(verdict, channel, key, stream, visits)
    verdict.offences += speech.check_notes(one.data for one in ledger.of("notify"))
    verdict.state = state.Replay(visits.branch)
    verdict.state.take(ledger.of("state"))
    verdict.offences += verdict.state.offences
    verdict.offences += _scan_state(ledger.of("state"))
    return verdict


def _check(verdict: Verdict, channel: str, key: str, stream: bytes, visits: Visits) -> list[str]:
    if channel == "page":
        path = visits.asked.get(key)
        if path is None:
            return [f"page: {len(stream)} bytes to somebody else, at port {key}"]
        return pages.check_page(path, stream, visits.files, verdict.seen[path])
    if channel == "noise":
        # Rows of counts: the one place where numbers stand in a row, between two of our own.
        return speech.check_noise(stream)
    if channel == "wake":
        return speech.check_wake(stream)
    offences = [f"{channel}: {one}" for one in scan.find_all(stream)]
    if channel == "audience":
        offences += speech.check_audience(stream, verdict.seen["audience"])
    elif channel == "log":
        offences += speech.check_log(stream)
    elif channel == "broker":
        told = mqtt.check_broker(stream, visits.branch)
        verdict.published += told.published
        offences += told.offences
    elif channel == "nowhere":
        offences.append(f"nowhere: {len(stream)} bytes to {key}")
    return offences


def _streams(written: Iterable[Written]) -> dict[tuple[str, str], bytes]:
    """What each connection carried, put together; the state file and datagrams are apart."""
    parts: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for one in written:
        if one.channel not in ("state", "notify"):
            parts[one.channel, one.key].append(one.data)
    return {where: b"".join(data) for where, data in parts.items()}


def _scan_state(writes: Iterable[Written]) -> list[str]:
    """Pictures and long runs in the raw bytes too, rolled back or not."""
    offences = set()
    for one in writes:
        found = scan.find_pictures(one.data) + scan.find_features(one.data, binary=False)
        offences.update(f"state{one.key}: {each}" for each in found)
    return sorted(offences)
