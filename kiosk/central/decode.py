"""From topic and bytes to a checked message; pure."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from kiosk.wire import (
    EARLIER,
    PAYLOADS,
    Branch,
    EarlierHours,
    Health,
    Hours,
    Plays,
    Status,
    parse_topic,
)


class RejectedPayloadError(ValueError):
    """A message that is not of the contract; ``str()`` says why in one line."""


@dataclass(frozen=True)
class Entry:
    """A message of the contract.

    Attributes:
        branch: the device, as the topic names it, which the broker's access list vouches for.
        content: the payload, checked.
        payload: the payload as it came.
    """

    branch: Branch
    content: Hours | EarlierHours | Plays | Health | Status
    payload: bytes


def decode(topic: str, payload: bytes) -> Entry:
    """Check a message against the model of its topic.

    Raises:
        RejectedPayloadError: the topic or the payload is not of the contract.
    """
    parsed = parse_topic(topic)
    model = PAYLOADS.get(parsed[1]) if parsed is not None else None
    if parsed is None or model is None:
        raise RejectedPayloadError("no such topic in this version")
    try:
        content = model.model_validate_json(payload)
    except ValidationError as bad:
        earlier = _earlier(parsed[1], payload)
        if earlier is not None:
            return Entry(parsed[0], earlier, payload)
        first = bad.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise RejectedPayloadError(f"{where}: {first['msg']}") from bad
    if not isinstance(content, Hours | Plays | Health | Status):
        raise RejectedPayloadError("devices do not publish this topic")
    return Entry(parsed[0], content, payload)


def _earlier(leaf: str, payload: bytes) -> EarlierHours | None:
    """A message that waited on a device since before an update."""
    model = EARLIER.get(leaf)
    if model is None:
        return None
    try:
        content = model.model_validate_json(payload)
    except ValidationError:
        return None
    return content if isinstance(content, EarlierHours) else None
