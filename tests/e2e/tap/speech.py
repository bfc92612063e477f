"""Channels of text: audience socket, log lines, readiness, noise; and the wake-ups of loops."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.e2e.tap import fields, shapes

MOST_IN_A_LINE = 600
"""Characters of a log line."""

NOTES = ("READY=1", "WATCHDOG=1", "STOPPING=1")


def check_audience(stream: bytes, seen: set[str] | None = None) -> list[str]:
    """What vision says to the director: one record a line, and nothing that is not in the list."""
    offences = []
    *lines, rest = stream.split(b"\n")
    for line in [*lines, rest] if rest else lines:
        try:
            record = json.loads(line)
        except ValueError:
            # The end of the run may cut the last line.
            if line is not rest:
                offences.append(f"audience: no JSON: {line[:80]!r}")
            continue
        offences += shapes.offences(record, fields.RECORD, fields.KEYS, seen)
    return [f"audience: {one}" for one in sorted(set(offences))]


def check_log(stream: bytes) -> list[str]:
    """What is for the journal: printable lines of bounded length."""
    offences = []
    for line in stream.splitlines():
        text = line.decode("utf-8", errors="replace")
        if "\ufffd" in text or not text.isprintable():
            offences.append(f"log: not printable: {line[:80]!r}")
        elif len(text) > MOST_IN_A_LINE:
            offences.append(f"log: a line of {len(text)} characters: {text[:30]}")
    return offences


def check_notes(datagrams: Iterable[bytes]) -> list[str]:
    """What is for the service manager: readiness, and a status of one line."""
    offences = []
    for datagram in datagrams:
        for line in datagram.decode("utf-8", errors="replace").splitlines():
            status = line.startswith("STATUS=") and len(line) <= 200 and line.isprintable()
            if not status and line not in NOTES:
                offences.append(f"notify: not known: {line[:80]!r}")
    return offences


def check_noise(stream: bytes) -> list[str]:
    """What the director and the child that draws an hour's noise tell each other: counts."""
    try:
        document = json.loads(stream)
    except ValueError:
        return [f"noise: no JSON: {stream[:80]!r}"]
    found = shapes.offences(document, fields.NOISE, fields.KEYS)
    return [f"noise: {one}" for one in found]


def check_wake(stream: bytes) -> list[str]:
    """What a process says to itself to wake up: one byte again and again, which says nothing."""
    return [] if set(stream) in ({0}, {ord("0")}) else [f"wake-up: it carries {stream[:40]!r}"]
