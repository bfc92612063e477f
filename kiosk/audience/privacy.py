"""The one place that every published count goes through."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kiosk.audience.hours import tables_of
from kiosk.config import PrivacySettings
from kiosk.wire import Hours


def hours_payload(
    counts: Mapping[str, int], hour: str, settings: PrivacySettings, epoch: str, seq: int
) -> bytes:
    """The published bytes of an hour, made once and kept: a retry sends the same ones.

    Noise belongs here and nowhere else. With ``noise: off`` the counts pass as they are, and the
    payload says so.
    """
    tables = tables_of(counts, mood_table=settings.mood_table)
    return Hours(
        seq=seq,
        epoch=epoch,
        hour=datetime.fromisoformat(hour),
        noise=settings.noise,
        tables=tables,
    ).encode()
