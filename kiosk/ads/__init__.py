"""Ads: audience in, a creative and the reason out.

Comes in: the audience of this moment, a campaign file. Goes out: the next :class:`Choice`, with
why in a label that can be counted and in a sentence. Decides by pure functions; never targets
anybody who may be under 18, never interrupts a play, and always has something to show.
"""

from kiosk.ads.campaign import Campaign, Creative, GroupSize, Targeting, load_campaign
from kiosk.ads.choice import Choice, History, choose
from kiosk.ads.house import HOUSE_CAMPAIGN

__all__ = [
    "HOUSE_CAMPAIGN",
    "Campaign",
    "Choice",
    "Creative",
    "GroupSize",
    "History",
    "Targeting",
    "choose",
    "load_campaign",
]
