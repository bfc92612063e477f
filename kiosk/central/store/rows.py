"""From a checked payload to the row that is kept; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from kiosk.terms import GENDERS, GROUP_SIZES, MOODS, UNKNOWN
from kiosk.wire import EarlierHours, EarlierPlays, Hours, Plays

Row = dict[str, Any]

GENDER_CELLS = (*GENDERS, UNKNOWN)
MOOD_CELLS = (*MOODS, UNKNOWN)

PLAYS_KEY = b'"plays":['


def digest_of(payload: bytes) -> bytes:
    """What tells two payloads apart."""
    return hashlib.sha256(payload).digest()


def at_of(content: Hours | EarlierHours | Plays | EarlierPlays) -> datetime:
    """The time under which a message is kept."""
    if isinstance(content, Plays | EarlierPlays):
        return content.plays[0].start
    if isinstance(content, Hours) and content.between is not None:
        return content.between.not_after
    assert content.hour is not None  # noqa: S101 - the payload's model sees to it
    return content.hour


def creative_names(content: Hours | EarlierHours) -> Iterable[str]:
    """The creatives of an hour, in the order of their cells."""
    return content.tables.creatives


def hour_row(content: Hours | EarlierHours, creative_ids: Mapping[str, int], digest: bytes) -> Row:
    """The row of an hour, without the device.

    Args:
        content: the payload.
        creative_ids: by name.
        digest: of the payload as it came.
    """
    row: Row = {
        "at": at_of(content),
        "epoch": content.epoch,
        "seq": content.seq,
        "dated": content.hour is not None,
        "digest": digest,
        "creatives": [creative_ids[name] for name in content.tables.creatives],
    }
    known = _terms(content) | (
        _tables(content) if isinstance(content, Hours) else _earlier_tables(content)
    )
    return row | known


def _terms(content: Hours | EarlierHours) -> Row:
    if isinstance(content, EarlierHours):
        return dict.fromkeys(
            ("not_before", "policy", "epsilon", "scales", "clamps", "notice_s"), None
        )
    between, noise = content.between, content.noise
    return {
        "not_before": between.not_before if between is not None else None,
        "policy": content.policy,
        "epsilon": None if noise == "off" else noise.epsilon,
        "scales": None if noise == "off" else json.dumps(noise.scales, sort_keys=True),
        "clamps": content.clamps.model_dump_json(),
        "notice_s": content.notice_s,
    }


def _tables(content: Hours) -> Row:
    tables = content.tables
    creatives = list(tables.creatives.values())
    bands = _bands(
        [
            tables.age_gender,
            tables.impressions_age_gender,
            *(creative.age_gender for creative in creatives),
        ]
    )
    return {
        "bands": ",".join(bands),
        "plays": tables.plays,
        "ots": tables.ots,
        "watchers": tables.watchers,
        "dwell_s": tables.dwell_s,
        "attention_s": tables.attention_s,
        "impressions": tables.impressions,
        "age_gender": _by_age(tables.age_gender, bands),
        "impressions_age_gender": _by_age(tables.impressions_age_gender, bands),
        "mood": _cells(tables.mood, MOOD_CELLS),
        "group_size": _cells(tables.group_size, GROUP_SIZES),
        "creative_plays": [creative.plays for creative in creatives],
        "creative_ots": [creative.ots for creative in creatives],
        "creative_watchers": [creative.watchers for creative in creatives],
        "creative_dwell_s": _numbers([creative.dwell_s for creative in creatives]),
        "creative_attention_s": _numbers([creative.attention_s for creative in creatives]),
        "creative_age_gender": _joined(
            [_by_age(creative.age_gender, bands) for creative in creatives], 3 * len(bands)
        ),
        "creative_mood": _joined(
            [_cells(creative.mood, MOOD_CELLS) for creative in creatives], len(MOOD_CELLS)
        ),
        "creative_group_size": _joined(
            [_cells(creative.group_size, GROUP_SIZES) for creative in creatives], len(GROUP_SIZES)
        ),
    }


def _earlier_tables(content: EarlierHours) -> Row:
    tables = content.tables
    creatives = list(tables.creatives.values())
    bands = _bands([tables.age_gender])
    unpublished = (
        "dwell_s",
        "attention_s",
        "impressions",
        "impressions_age_gender",
        "group_size",
        "creative_dwell_s",
        "creative_age_gender",
        "creative_mood",
        "creative_group_size",
    )
    zeros = [0] * len(creatives)
    return dict.fromkeys(unpublished, None) | {
        "bands": ",".join(bands),
        "plays": 0,
        "ots": tables.ots,
        "watchers": tables.watchers,
        "age_gender": _by_age(tables.age_gender, bands),
        "mood": _cells(tables.mood, MOOD_CELLS),
        "creative_plays": zeros,
        "creative_ots": zeros,
        "creative_watchers": [creative.watchers for creative in creatives],
        "creative_attention_s": [creative.attention_s for creative in creatives],
    }


def play_row(payload: bytes, content: Plays | EarlierPlays, digest: bytes) -> Row:
    """The row of a batch of plays, without the device."""
    return {
        "at": at_of(content),
        "until": max(play.start for play in content.plays),
        "epoch": content.epoch,
        "seq": content.seq,
        "digest": digest,
        "plays": len(content.plays),
        "proofs": _proofs(payload, content),
    }


def _proofs(payload: bytes, content: Plays | EarlierPlays) -> str:
    # Our own devices write the plays last and without blanks: then they stand there already. The
    # key cannot stand anywhere else, as every other quotation mark within a text is escaped.
    at = payload.rfind(PLAYS_KEY)
    if at >= 0 and payload.endswith(b"]}"):
        return payload[at + len(PLAYS_KEY) - 1 : -1].decode()
    return json.dumps([play.model_dump(mode="json") for play in content.plays])


def _bands(tables: Iterable[Mapping[str, Any] | None]) -> list[str]:
    found = dict.fromkeys(band for table in tables if table is not None for band in table)
    found.pop(UNKNOWN, None)
    return [*found, UNKNOWN]


def _by_age(
    table: Mapping[str, Mapping[Any, int]] | None, bands: Sequence[str]
) -> list[int] | None:
    if table is None:
        return None
    cells: list[int] = []
    for band in bands:
        row = table.get(band, {})
        cells += (row.get("female", 0), row.get("male", 0), row.get("unknown", 0))
    return cells


def _cells(table: Mapping[Any, int] | None, names: Sequence[str]) -> list[int] | None:
    return None if table is None else [table.get(name, 0) for name in names]


def _numbers(values: Sequence[int | None]) -> list[int] | None:
    if all(value is None for value in values):
        return None
    return [value or 0 for value in values]


def _joined(parts: Sequence[list[int] | None], cells: int) -> list[int] | None:
    if all(part is None for part in parts):
        return None
    empty = [0] * cells
    return [cell for part in parts for cell in (part if part is not None else empty)]
