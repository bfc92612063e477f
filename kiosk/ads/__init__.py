"""Ads: audience in, a creative and the reason out.

Comes in: the audience of this moment, a campaign file, what was played. Goes out: the next
:class:`Decision`, with why in a label that can be counted and in a paragraph. Decides by pure
functions; never targets anybody who may be under 18, never interrupts a play, and always has
something to show.
"""

from kiosk.ads.campaigns.campaign import (
    Campaign,
    Contract,
    Creative,
    Frequency,
    Gender,
    GroupSize,
    Impressions,
    Plays,
    ShareOfVoice,
    Targeting,
)
from kiosk.ads.campaigns.campaignfile import Examination, examine_campaign, load_campaign, window_of
from kiosk.ads.campaigns.entries import campaign_schema
from kiosk.ads.campaigns.house import HOUSE_CAMPAIGN
from kiosk.ads.campaigns.media import fault_of as medium_fault
from kiosk.ads.campaigns.rest import Rest
from kiosk.ads.campaigns.times import ALWAYS, Times, Window
from kiosk.ads.choice.context import Context
from kiosk.ads.choice.decision import Considered, Decision, decide
from kiosk.ads.choice.learner import Learner, Ranker, Rotation, is_impersonal, open_ranker
from kiosk.ads.choice.reward import MOST_FACING, reward_of
from kiosk.ads.choice.rules import NEVER_BY_AGE_OR_GENDER, RULES
from kiosk.ads.contracts.ledger import Ledger, Start
from kiosk.ads.contracts.moment import Moment
from kiosk.ads.contracts.pacing import Standing, standing
from kiosk.ads.contracts.sold import Sold, sold_in
from kiosk.ads.preview.picture import picture_of as picture_of_week
from kiosk.ads.preview.text import text_of as text_of_week
from kiosk.ads.preview.week import plan_week

__all__ = [
    "ALWAYS",
    "HOUSE_CAMPAIGN",
    "MOST_FACING",
    "NEVER_BY_AGE_OR_GENDER",
    "RULES",
    "Campaign",
    "Considered",
    "Context",
    "Contract",
    "Creative",
    "Decision",
    "Examination",
    "Frequency",
    "Gender",
    "GroupSize",
    "Impressions",
    "Learner",
    "Ledger",
    "Moment",
    "Plays",
    "Ranker",
    "Rest",
    "Rotation",
    "ShareOfVoice",
    "Sold",
    "Standing",
    "Start",
    "Targeting",
    "Times",
    "Window",
    "campaign_schema",
    "decide",
    "examine_campaign",
    "is_impersonal",
    "load_campaign",
    "medium_fault",
    "open_ranker",
    "picture_of_week",
    "plan_week",
    "reward_of",
    "sold_in",
    "standing",
    "text_of_week",
    "window_of",
]
