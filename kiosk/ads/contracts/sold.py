"""What of a campaign was sold: each contract with the creatives that can deliver it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from kiosk.ads.campaigns.campaign import Campaign, Contract, Creative
from kiosk.ads.campaigns.times import ALWAYS
from kiosk.ads.contracts.livetime import Live


@dataclass(frozen=True)
class Sold:
    """A contract, ready to be delivered.

    Attributes:
        creatives: those that deliver it; at least one.
        live: when one of them may play.
        play_s: mean length of a play.
    """

    contract: Contract
    creatives: tuple[Creative, ...]
    live: Live
    play_s: float


_known: deque[tuple[Campaign, list[Sold]]] = deque(maxlen=4)
"""Campaigns are asked for with each choice, and change seldom."""


def sold_in(campaign: Campaign) -> list[Sold]:
    """The contracts that have something to play, in the order of the file."""
    for known, found in tuple(_known):
        if known is campaign:
            return found
    found = _sold_in(campaign)
    _known.append((campaign, found))
    return found


def _sold_in(campaign: Campaign) -> list[Sold]:
    found: dict[str, list[Creative]] = {name: [] for name in campaign.contracts}
    for creative in campaign.creatives:
        if creative.contract in found:
            found[creative.contract].append(creative)
    return [
        Sold(
            campaign.contracts[name],
            tuple(creatives),
            _live(campaign.contracts[name], creatives),
            sum(one.duration_s for one in creatives) / len(creatives),
        )
        for name, creatives in found.items()
        if creatives
    ]


def _live(contract: Contract, creatives: list[Creative]) -> Live:
    whole = contract.times
    if any(one.times is whole or one.times in (ALWAYS, whole) for one in creatives):
        return Live(whole)
    return Live(whole, frozenset(one.times for one in creatives))
