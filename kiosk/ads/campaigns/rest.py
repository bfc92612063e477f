"""What a screen's rest leaves without effect: who waits for viewers while nobody is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from kiosk.ads.campaigns.campaign import Campaign, Impressions
from kiosk.ads.campaigns.draft import Draft
from kiosk.ads.campaigns.times import Times, Window, common, length, telling_days


@dataclass(frozen=True)
class Rest:
    """Weekly hours of a screen, by the store's clock; empty windows are none.

    Attributes:
        blind: the camera is closed, so nobody is known to be there.
        uncounted: the same, and hours in which nobody is counted.
    """

    blind: tuple[Window, ...] = ()
    uncounted: tuple[Window, ...] = ()


NO_REST = Rest()
"""Of no screen in particular, or of one that looks at people at all hours."""


def check_rest(draft: Draft, campaign: Campaign, rest: Rest) -> None:
    """Warn of what could only play, or count, in hours in which a screen looks at nobody.

    Args:
        draft: without errors.
        campaign: what was made of it.
        rest: of the screen.
    """
    for number, creative in zip(draft.creatives, campaign.creatives, strict=True):
        contract = campaign.contracts.get(creative.contract or "")
        times = [creative.times, *([contract.times] if contract is not None else [])]
        if (creative.targeted or not creative.all_ages) and _only_in(rest.blind, times):
            draft.warn(
                ("creatives", number),
                "never plays on this screen: it waits for viewers, and its times lie within"
                " vision.off_hours, when nobody is looked at",
            )
    for number, contract in zip(draft.contracts, campaign.contracts.values(), strict=True):
        if isinstance(contract.goal, Impressions) and _only_in(rest.uncounted, [contract.times]):
            draft.warn(
                ("contracts", number, "goal"),
                "nothing of it is ever delivered on this screen: its times lie within"
                " vision.off_hours and audience.staff_hours, when no viewer is counted",
            )


def _only_in(windows: tuple[Window, ...], times: Sequence[Times]) -> bool:
    if not windows:
        return False
    rest = Times(windows=windows)
    return all(not _left(day, times, rest) for day in telling_days(*times))


def _left(day: date, times: Sequence[Times], rest: Times) -> int:
    """Minutes of a day at which all times hold, and the screen does not rest."""
    spans = times[0].spans(day)
    for one in times[1:]:
        spans = common(spans, one.spans(day))
    return length(spans) - length(common(spans, rest.spans(day)))
