"""What most likely disappoints: flights that are over, hours sold twice, goals that need luck."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from kiosk.ads.campaigns.bookings import Bookings, Stretch
from kiosk.ads.campaigns.campaign import Campaign, Impressions, Plays, ShareOfVoice
from kiosk.ads.campaigns.caps import check_caps
from kiosk.ads.campaigns.draft import Draft
from kiosk.ads.campaigns.rest import Rest, check_rest
from kiosk.ads.campaigns.times import TELLING_DAYS, length, telling_days


def check_expectations(draft: Draft, campaign: Campaign, today: date, rest: Rest) -> None:
    """Remark on what can be played but will not come out as it was sold.

    Args:
        draft: without errors.
        campaign: what was made of it.
        today: by the store's clock; what lies before is past.
        rest: of the screen that it is checked for.
    """
    _over(draft, campaign, today)
    check_caps(draft, campaign)
    _unpaced(draft, campaign)
    _who_comes(draft, campaign)
    _rounded_away(draft, campaign)
    _over_midnight(draft, campaign)
    check_rest(draft, campaign, rest)
    _sums(draft, campaign, today)


def _over(draft: Draft, campaign: Campaign, today: date) -> None:
    for number, creative in zip(draft.creatives, campaign.creatives, strict=True):
        if creative.times.last is not None and creative.times.last < today:
            draft.warn(
                ("creatives", number, "flight"), f"is over since {creative.times.last}; remove it"
            )
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        if contract.times.last is not None and contract.times.last < today:
            draft.warn(
                ("contracts", number, "flight"), f"is over since {contract.times.last}; remove it"
            )


def _unpaced(draft: Draft, campaign: Campaign) -> None:
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        goal = contract.goal
        over_flight = isinstance(goal, Impressions) or (
            isinstance(goal, Plays) and goal.per == "flight"
        )
        if over_flight and contract.times.last is None:
            draft.warn(
                ("contracts", number, "goal"),
                "without the last day of a flight it has no pace: it plays when there is room,"
                " until all is delivered",
            )


def _who_comes(draft: Draft, campaign: Campaign) -> None:
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        own = [one for one in campaign.creatives if one.contract == contract.id]
        promised = isinstance(contract.goal, ShareOfVoice | Plays)
        if promised and all(one.targeted or not one.all_ages for one in own):
            draft.warn(
                ("contracts", number, "goal"),
                "each of its creatives plays before some viewers only, so that the goal depends on"
                " who comes; add one for everybody",
            )


def _rounded_away(draft: Draft, campaign: Campaign) -> None:
    bookings = Bookings(campaign)
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        goal = contract.goal
        if not isinstance(goal, Plays) or goal.per != "hour":
            continue
        days = telling_days(contract.times)
        longest = max(length(bookings.live(contract.id, day)) for day in days)
        if goal.count * longest < 30:
            draft.warn(
                ("contracts", number, "goal"),
                f"{goal.count} an hour is less than half a play in the {longest} minutes of a day"
                " in which it is live, so that it never plays; use plays_per_day",
            )


def _over_midnight(draft: Draft, campaign: Campaign) -> None:
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        goal, windows = contract.goal, contract.times.windows
        if not isinstance(goal, Plays) or goal.per != "day":
            continue
        begin = {day for window in windows for day in window.days}
        carried = {(day + 1) % 7 for window in windows if window.carries for day in window.days}
        if carried - begin:
            draft.warn(
                ("contracts", number, "goal"),
                f"a day ends at midnight: of a night there are {goal.count} plays before it and"
                f" {goal.count} after it; use plays_per_hour, or a goal of half as many",
            )


def _sums(draft: Draft, campaign: Campaign, today: date) -> None:
    told: set[frozenset[str]] = set()
    shut: set[tuple[str, str]] = set()
    bookings = Bookings(campaign)
    for day in _days(campaign, today):
        for stretch in bookings.stretches(day):
            live = frozenset(name for name, share in stretch.wanted.items() if share)
            if stretch.overbooked and live not in told:
                told.add(live)
                _overbooked(draft, campaign, day, stretch)
            for name, other in stretch.shut_out.items():
                if (name, other) not in shut:
                    shut.add((name, other))
                    _shut_out(draft, name, other, day, stretch)


def _days(campaign: Campaign, today: date) -> Iterable[date]:
    """Days that stand for all from today on: some after each begin and end of a flight."""
    edges = {today}
    for contract in campaign.contracts.values():
        if contract.times.first is not None:
            edges.add(contract.times.first)
        if contract.times.last is not None:
            edges.add(contract.times.last + timedelta(days=1))
    week = range(TELLING_DAYS)
    days = {edge + timedelta(days=offset) for edge in edges if edge >= today for offset in week}
    return sorted(days)


def _overbooked(draft: Draft, campaign: Campaign, day: date, stretch: Stretch) -> None:
    playing = [name for name in stretch.wanted if name not in stretch.shut_out]
    parts = ", ".join(
        f"{name} {100 * stretch.wanted[name]:.0f} %" for name in playing if stretch.wanted[name]
    )
    loser = min(playing, key=lambda name: campaign.contracts[name].priority)
    draft.warn(
        ("contracts", draft.number_of("contracts", loser), "goal"),
        f"{100 * stretch.booked:.0f} % of the time on screen is sold {_when(day, stretch)}"
        f" ({parts}); the higher priority goes first, the rest falls short",
    )


def _shut_out(draft: Draft, name: str, other: str, day: date, stretch: Stretch) -> None:
    draft.warn(
        ("contracts", draft.number_of("contracts", name)),
        f"{name!r} does not play while {other!r} is exclusive, such as {_when(day, stretch)}",
    )


def _when(day: date, stretch: Stretch) -> str:
    begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (stretch.begin, stretch.end))
    return f"on {day} from {begin} to {end}"
