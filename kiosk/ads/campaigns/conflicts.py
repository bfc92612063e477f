"""What cannot be kept: times that never meet, two exclusive contracts, goals above caps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date

from kiosk.ads.campaigns.campaign import (
    Campaign,
    Contract,
    Creative,
)
from kiosk.ads.campaigns.draft import Draft
from kiosk.ads.campaigns.times import Times, meeting

HOUR_S = 3600
NO_SUCH_DAY = "no day of its flight has one of its day-parts"


def check_conflicts(draft: Draft, campaign: Campaign) -> None:
    """Remark on what contradicts itself, whatever plays and whoever comes."""
    for number, creative in zip(draft.creatives, campaign.creatives, strict=True):
        _never(draft, ("creatives", number), creative, campaign)
    for number, entry in draft.contracts.items():
        contract = campaign.contracts[entry.id]
        if meeting(contract.times, contract.times) is None:
            draft.error(("contracts", number, "dayparts"), f"never live: {NO_SUCH_DAY}")
            continue
    _exclusives(draft, list(campaign.contracts.values()))


def _never(draft: Draft, where: tuple[str, int], creative: Creative, campaign: Campaign) -> None:
    if meeting(creative.times, creative.times) is None:
        draft.error((*where, "dayparts"), f"never plays: {NO_SUCH_DAY}")
        return
    contract = campaign.contracts.get(creative.contract or "")
    if contract is not None and meeting(creative.times, contract.times) is None:
        key = "dayparts" if creative.times.windows else "flight"
        draft.error(
            (*where, key),
            f"never plays: it has no minute in common with contract {contract.id!r}",
        )


def _exclusives(draft: Draft, contracts: Sequence[Contract]) -> None:
    exclusive = [one for one in contracts if one.exclusive != "none"]
    for one, other in itertools.combinations(exclusive, 2):
        if one.exclusive != other.exclusive:
            continue
        if one.exclusive == "category" and one.category != other.category:
            continue
        both = meeting(one.times, other.times)
        if both is None:
            continue
        first = draft.document.line(("contracts", draft.number_of("contracts", one.id)))
        number = draft.number_of("contracts", other.id)
        what = "the screen" if one.exclusive == "screen" else f"category {one.category}"
        draft.error(
            ("contracts", number, "exclusive"),
            f"{other.id!r} and {one.id!r} (line {first}) both want {what} alone,"
            f" {moment(both, (one.times, other.times))}; change the times of one",
        )


def moment(when: tuple[date, int], times: Sequence[Times]) -> str:
    """When two meet, in words."""
    day, minute = when
    clock = f"{minute // 60:02}:{minute % 60:02}"
    if any(one.first is not None or one.last is not None for one in times):
        return f"such as on {day} at {clock}"
    return f"such as on {day:%A}s at {clock}"
