"""Age bands for tables: joined from those that a face is estimated in."""

from __future__ import annotations

import re
from typing import Optional

from kiosk import terms

BAND = re.compile(r"(\d{1,3})(?:-(\d{1,3})|\+)")


def years(band: str) -> tuple[int, Optional[int]]:
    """First and last year of a band, inclusive; of an open one the last is ``None``.

    Raises:
        ValueError: it is no band.
    """
    found = BAND.fullmatch(band)
    if found is None:
        raise ValueError(f"{band!r} is no age band; write one as 18-34, the last one as 55+")
    return int(found[1]), int(found[2]) if found[2] is not None else None


def check_bands(bands: list[str]) -> None:
    """Refuse bands that overlap, leave gaps, or begin where no estimated band begins.

    Raises:
        ValueError: with one sentence.
    """
    expected: Optional[int] = 0
    before = ""
    for band in bands:
        first, last = years(band)
        if expected is None or first < expected:
            raise ValueError(f"{before} and {band} overlap; a pass stands in one band only")
        if first > expected:
            raise ValueError(
                f"nobody of {expected} to {first - 1} stands in any band; leave no gap"
            )
        if first not in terms.AGE_BAND_STARTS:
            raise ValueError(
                f"{band}: a band has to begin at one of"
                f" {', '.join(str(start) for start in terms.AGE_BAND_STARTS)}"
            )
        if last is not None and last < first:
            raise ValueError(f"{band}: ends before it begins")
        before, expected = band, None if last is None else last + 1
    if expected is not None:
        raise ValueError(f"nobody of {expected} and older stands in any band; end with {expected}+")


def band_of(bands: list[str], estimated: str) -> str:
    """Which of the table's bands an estimated one belongs to; ``unknown`` stays what it is."""
    if estimated == terms.UNKNOWN:
        return estimated
    first, _ = years(estimated)
    return next(band for band in reversed(bands) if years(band)[0] <= first)
