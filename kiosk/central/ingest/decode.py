"""From topic and bytes to a checked message; pure."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from kiosk.central.store import Content, Entry
from kiosk.wire import (
    EARLIER,
    MAX_INT,
    PAYLOADS,
    Branch,
    EarlierHealth,
    EarlierHours,
    EarlierPlays,
    Health,
    Hours,
    Plays,
    Reply,
    Status,
    parse_topic,
)

PAYLOAD_MAX_BYTES = 1_000_000
"""Twenty times the largest hour of a campaign of a hundred creatives."""

CELLS_MAX = 50_000
"""Creatives times age bands of one hour; what is more has been made up."""

CREATIVES_MAX = 1000
"""Creatives of one hour; ten times the largest campaign we know of."""

PLAYS_MAX = 2**31
"""Plays of one hour; pages add them up, and a database adds up no more than 64 bits."""

SCALE_MAX = 1e9
"""Scale of the noise on a cell; with more of it a count would say nothing for a century, and the
formulas for its deviation would leave what a computer's numbers can hold."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a device, its site and its tenant may be called (kiosk.config)."""

BAND = re.compile(r"\d{1,3}-\d{1,3}|\d{1,3}\+|unknown")
"""An age band as the present version spells it; the one before took any text."""

NUL = b"\\u0000"
"""As JSON spells the one character that no database of ours keeps in a text."""


class RejectedPayloadError(ValueError):
    """A message that is not of the contract; ``str()`` says why in one line."""


def decode(topic: str, payload: bytes) -> Entry:
    """Check a message against the model of its topic.

    Raises:
        RejectedPayloadError: the topic or the payload is not of the contract.
    """
    parsed = parse_topic(topic)
    model = PAYLOADS.get(parsed[1]) if parsed is not None else None
    if parsed is None or model is None:
        raise RejectedPayloadError("no such topic in this version")
    branch, leaf = parsed
    if not all(NAME.fullmatch(name) for name in (branch.tenant, branch.site, branch.device)):
        raise RejectedPayloadError("tenant, site and device are letters, digits, _ and - only")
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise RejectedPayloadError(f"{len(payload)} bytes, of which {PAYLOAD_MAX_BYTES} are taken")
    content = _checked(leaf, model, payload)
    if NUL in payload and _has_nul(content.model_dump()):
        raise RejectedPayloadError("a text holds the character NUL")
    _refuse_what_no_table_holds(content)
    return Entry(branch, content, payload)


def branch_of(topic: str) -> Branch | None:
    """The device of a topic, whatever the message is worth; none: no such device can be."""
    parsed = parse_topic(topic)
    if parsed is None or not all(NAME.fullmatch(name) for name in vars(parsed[0]).values()):
        return None
    return parsed[0]


def _checked(leaf: str, model: Any, payload: bytes) -> Content:
    try:
        content = model.model_validate_json(payload)
    except ValidationError as bad:
        earlier = _earlier(leaf, payload)
        if earlier is not None:
            return earlier
        first = bad.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise RejectedPayloadError(f"{where}: {first['msg']}"[:300]) from bad
    if not isinstance(content, Hours | Plays | Health | Status | Reply):
        raise RejectedPayloadError("devices do not publish this topic")
    return content


def _earlier(leaf: str, payload: bytes) -> EarlierHours | EarlierPlays | EarlierHealth | None:
    """A message that waited on a device since before an update."""
    model = EARLIER.get(leaf)
    if model is None:
        return None
    try:
        content = model.model_validate_json(payload)
    except ValidationError:
        return None
    known = EarlierHours | EarlierPlays | EarlierHealth
    return content if isinstance(content, known) else None


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(_has_nul, value))


def _refuse_what_no_table_holds(content: Content) -> None:
    if isinstance(content, Health | EarlierHealth):
        _refuse_large_numbers(content.model_dump())
        return
    if not isinstance(content, Hours | EarlierHours):
        return
    tables = content.tables
    creatives = len(tables.creatives)
    if creatives > CREATIVES_MAX or creatives * len(tables.age_gender or ()) > CELLS_MAX:
        raise RejectedPayloadError("tables: more creatives and age bands than there can be")
    if isinstance(content, EarlierHours):
        if not all(BAND.fullmatch(band) for band in tables.age_gender or ()):
            raise RejectedPayloadError("tables.age_gender: not an age band")
        return
    _refuse_large_numbers(content.clamps.model_dump())
    if content.notice_s > MAX_INT // 2**32 or content.tables.plays > PLAYS_MAX:
        raise RejectedPayloadError("notice_s or tables.plays: larger than any hour's")
    if any(creative.plays > PLAYS_MAX for creative in content.tables.creatives.values()):
        raise RejectedPayloadError("tables.creatives: more plays than there can be")
    if content.noise != "off" and not all(
        0 <= scale <= SCALE_MAX for scale in content.noise.scales.values()
    ):
        raise RejectedPayloadError(f"noise.scales: 0 to {SCALE_MAX:g} is expected")


def _refuse_large_numbers(value: Any) -> None:
    """JSON has integers of any length; what reads them later has not."""
    if isinstance(value, dict):
        for part in value.values():
            _refuse_large_numbers(part)
    elif isinstance(value, int) and abs(value) > MAX_INT:
        raise RejectedPayloadError("a number is larger than 64 bits hold")
