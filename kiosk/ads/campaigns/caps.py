"""Goals that their own contract does not leave room for: caps, gaps, the length of an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kiosk.ads.campaigns.campaign import (
    Campaign,
    Contract,
    Creative,
    Frequency,
    Plays,
    ShareOfVoice,
)
from kiosk.ads.campaigns.draft import Draft
from kiosk.ads.campaigns.times import SOME_DAY, Times, week_of

HOUR_S = 3600


def check_caps(draft: Draft, campaign: Campaign) -> None:
    """Warn of each contract that cannot be delivered even when it has the screen to itself.

    Args:
        draft: without errors.
        campaign: what was made of it.
    """
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        _goal(draft, ("contracts", number), contract, campaign.creatives)


@dataclass(frozen=True)
class _Cap:
    per_hour: float
    key: tuple[str, ...]
    why: str


def _goal(
    draft: Draft, where: tuple[str, int], contract: Contract, creatives: Sequence[Creative]
) -> None:
    own = [one for one in creatives if one.contract == contract.id]
    wanted = _plays_an_hour(contract, own)
    for cap in _caps(contract, own):
        if wanted > cap.per_hour * (1 + 1e-9):
            draft.warn(
                (*where, *cap.key),
                f"{cap.why}, and the goal of {contract.id!r} wants {_figure(wanted)} an hour;"
                " lower the goal or give it more room",
            )
            return


def _plays_an_hour(contract: Contract, own: Sequence[Creative]) -> float:
    """Plays that the goal wants of each hour in which the contract is live, at least."""
    goal = contract.goal
    if isinstance(goal, ShareOfVoice):
        return goal.share * HOUR_S / max(one.duration_s for one in own)
    if not isinstance(goal, Plays):
        return 0.0
    if goal.per == "hour":
        return goal.count
    if goal.per == "day":
        week = Times(windows=contract.times.windows)
        hours = max(_hours(week.spans(day)) for day in week_of(SOME_DAY))
        return goal.count / hours
    return goal.count * 60 / (contract.times.minutes() or math.inf)


def _hours(spans: Sequence[tuple[int, int]]) -> float:
    return sum(end - begin for begin, end in spans) / 60


def _caps(contract: Contract, own: Sequence[Creative]) -> Iterator[_Cap]:
    slack = _slack(contract.times)
    shortest = min(one.duration_s for one in own)
    yield _Cap(HOUR_S / shortest, ("goal",), f"{_figure(HOUR_S / shortest)} plays fill an hour")
    frequency = contract.frequency
    if frequency.max_per_hour is not None:
        why = f"{frequency.max_per_hour} plays an hour are the most"
        yield _Cap(frequency.max_per_hour * slack, ("frequency", "max_per_hour"), why)
    if frequency.min_gap_s:
        why = f"a gap of {frequency.min_gap_s:g} s leaves {_figure(_most(frequency))} plays an hour"
        most = HOUR_S / frequency.min_gap_s * slack
        yield _Cap(most, ("frequency", "min_gap_s"), why)
    together = sum(_most(one.frequency) for one in own)
    why = f"the caps of its creatives leave {_figure(together)} plays an hour"
    yield _Cap(together * slack, ("goal",), why)


def _most(frequency: Frequency) -> float:
    """Plays in an hour at most."""
    by_count = math.inf if frequency.max_per_hour is None else frequency.max_per_hour
    return min(by_count, HOUR_S / frequency.min_gap_s if frequency.min_gap_s else math.inf)


def _slack(times: Times) -> float:
    # A cap over any 60 minutes lets as much through in half an hour as in a whole one.
    week = Times(windows=times.windows)
    spans = [span for day in week_of(SOME_DAY) for span in week.spans(day)]
    whole = sum(math.ceil((end - begin) / 60) for begin, end in spans)
    return whole / _hours(spans)


def _figure(number: float) -> str:
    # Not to whole ones: a goal of 10.04 would read as the cap of 10 that it is above.
    return f"{number:.2f}".rstrip("0").rstrip(".")
