"""What a pass adds to its hour, and how an hour's counts become its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kiosk import terms
from kiosk.audience.passes import EndedPass
from kiosk.config import AudienceSettings, PrivacySettings, band_of
from kiosk.wire import AgeGender, CreativeHour, HourTables

Counts = dict[str, int]
"""Integers by cell name, such as ``ots`` or ``creative/tea/age_gender/25-34/female``."""

CLAMP = "clamp/"
CLAMPS = ("dwell_clamp_s", "attention_clamp_s", "impressions_clamp")

BANDS = (*terms.AGE_BANDS, terms.UNKNOWN)
GENDERS = (*terms.GENDERS, terms.UNKNOWN)
MOODS = (*terms.MOODS, terms.UNKNOWN)


def count_pass(one: EndedPass, audience: AudienceSettings, privacy: PrivacySettings) -> Counts:
    """What one pass adds to its hour, by cell name.

    A pass shorter than ``ots_min_s`` was no opportunity to see and adds only to ``passes``, which
    stays on the device. Any other adds 1 to one cell of each table, its clamped seconds to each
    sum, and the same again to the creative that it watched longest.
    """
    counts = {"passes": 1}
    if one.dwell_s < audience.ots_min_s:
        return counts
    person = f"{one.age_band}/{one.gender}"
    of_pass = {
        "ots": 1,
        "watchers": int(one.attention_s >= audience.watch_min_s),
        "dwell_s": min(round(one.dwell_s), privacy.dwell_clamp_s),
        "attention_s": min(round(one.attention_s), privacy.attention_clamp_s),
        f"age_gender/{person}": 1,
        f"mood/{one.mood}": 1,
        f"group_size/{one.group_size}": 1,
    }
    counts |= of_pass
    if one.creative is not None:
        counts |= {f"creative/{one.creative}/{cell}": n for cell, n in of_pass.items()}
    impressions = min(one.impressions, privacy.impressions_clamp)
    counts |= {"impressions": impressions, f"impressions_age_gender/{person}": impressions}
    return {cell: count for cell, count in counts.items() if count}


def clamps_of(privacy: PrivacySettings) -> Counts:
    """The clamps that counts were taken with, as cells that stand beside them."""
    return {f"{CLAMP}{name}": getattr(privacy, name) for name in CLAMPS}


def clamped_as(counts: Mapping[str, int], privacy: PrivacySettings) -> PrivacySettings:
    """The settings with the largest clamps that any of these counts was taken with.

    Noise for a clamp that was lowered within the hour would not cover what came before.
    """
    known = {name: counts.get(f"{CLAMP}{name}", 0) for name in CLAMPS}
    wider = {name: clamp for name, clamp in known.items() if clamp > getattr(privacy, name)}
    return privacy.model_copy(update=wider)


def joined(one: Mapping[str, int], other: Mapping[str, int]) -> Counts:
    """Counts of both; of two clamps the larger."""
    both = dict(one)
    for cell, count in other.items():
        known = both.get(cell, 0)
        both[cell] = max(known, count) if cell.startswith(CLAMP) else known + count
    return both


def tables_of(counts: Mapping[str, int], bands: Sequence[str] = terms.AGE_BANDS) -> HourTables:
    """The hour's tables, exact: every cell is there, zeros too.

    The uplink publishes them (with noise), `kiosk stats` and the operator's page show them.

    Args:
        counts: of the hour, by cell.
        bands: age bands of the tables, as ``privacy.age_bands``.
    """
    people = _People(list(bands))
    names = sorted({cell.split("/")[1] for cell in counts if cell.startswith("creative/")})
    return HourTables(
        plays=counts.get("plays", 0),
        ots=counts.get("ots", 0),
        watchers=counts.get("watchers", 0),
        dwell_s=counts.get("dwell_s", 0),
        attention_s=counts.get("attention_s", 0),
        impressions=counts.get("impressions", 0),
        impressions_age_gender=people.of(counts, "impressions_age_gender"),
        age_gender=people.of(counts, "age_gender"),
        mood={mood: counts.get(f"mood/{mood}", 0) for mood in MOODS},
        group_size={size: counts.get(f"group_size/{size}", 0) for size in terms.GROUP_SIZES},
        creatives={name: _creative(counts, f"creative/{name}/", people) for name in names},
    )


def _creative(counts: Mapping[str, int], prefix: str, people: _People) -> CreativeHour:
    return CreativeHour(
        plays=counts.get(f"{prefix}plays", 0),
        ots=counts.get(f"{prefix}ots", 0),
        watchers=counts.get(f"{prefix}watchers", 0),
        dwell_s=counts.get(f"{prefix}dwell_s", 0),
        attention_s=counts.get(f"{prefix}attention_s", 0),
        age_gender=people.of(counts, f"{prefix}age_gender"),
        mood={mood: counts.get(f"{prefix}mood/{mood}", 0) for mood in MOODS},
        group_size={n: counts.get(f"{prefix}group_size/{n}", 0) for n in terms.GROUP_SIZES},
    )


class _People:
    """Tables by age and gender, in bands that may be joined of estimated ones."""

    def __init__(self, bands: list[str]) -> None:
        self._joined: dict[str, list[str]] = {band: [] for band in (*bands, terms.UNKNOWN)}
        for band in BANDS:
            self._joined[band_of(bands, band)].append(band)

    def of(self, counts: Mapping[str, int], table: str) -> AgeGender:
        return {
            joined: {
                gender: sum(counts.get(f"{table}/{band}/{gender}", 0) for band in bands)
                for gender in GENDERS
            }
            for joined, bands in self._joined.items()
        }
