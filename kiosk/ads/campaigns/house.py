"""What plays when there is no campaign that can be used: one card of our own, for everybody."""

from __future__ import annotations

from pathlib import Path

from kiosk.ads.campaigns.campaign import Campaign, Creative, Targeting

CARD_ID = "kiosk-welcome"
"""No creative of a campaign may have it: the card has to play when such a one is left out."""

WELCOME = Path(__file__).parent / "house" / "welcome.svg"

HOUSE_CAMPAIGN = Campaign(
    "house",
    (
        Creative(
            id=CARD_ID,
            kind="image",
            path=WELCOME,
            duration_s=10.0,
            category="house",
            weight=1.0,
            all_ages=True,
            targeting=Targeting(),
        ),
    ),
)
