"""The campaign that plays: reloaded when its file changes, the last good one otherwise."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kiosk.ads import HOUSE_CAMPAIGN, Campaign, load_campaign
from kiosk.errors import CampaignError

log = logging.getLogger(__name__)


class CampaignFile:
    """A campaign file that may change while it plays.

    Attributes:
        campaign: what is chosen from.
        before: the one before it, of which something may still be on screen.
    """

    def __init__(self, path: Path) -> None:
        """Read it; until there is one that can be used, the house card plays."""
        self._path = path
        self._stamp: tuple[int, int] | None = self._look()
        self._complaint = ""
        self.campaign = HOUSE_CAMPAIGN
        self.before: Campaign | None = None
        try:
            self.campaign = load_campaign(path)
        except (CampaignError, OSError) as bad:
            self._stamp = None
            self._refuse(bad)

    def playing(self) -> list[Campaign]:
        """The campaigns of which something may be on screen, newest first."""
        return [self.campaign] if self.before is None else [self.campaign, self.before]

    def creative_ids(self) -> list[str]:
        """Ids of everything that may be played or be on screen now."""
        return [one.id for campaign in self.playing() for one in campaign.creatives]

    async def reload(self) -> bool:
        """Read the file again if it changed; a bad one is told of once and not used.

        A bad one is looked at again each time: its media may arrive after it.

        Returns:
            Whether the campaign is another one now.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        try:
            # In a thread: a long file takes longer to read than the screen may wait.
            campaign = await asyncio.to_thread(load_campaign, self._path)
        except (CampaignError, OSError) as bad:
            self._refuse(bad)
            return False
        self._stamp = stamp
        self._complaint = ""
        self.before, self.campaign = self.campaign, campaign
        log.info(
            "event=campaign_loaded name=%s creatives=%d", campaign.name, len(campaign.creatives)
        )
        return True

    def _refuse(self, bad: Exception) -> None:
        if str(bad) != self._complaint:
            plays = (
                "a card of our own plays"
                if self.campaign is HOUSE_CAMPAIGN
                else (f"the campaign {self.campaign.name} plays on")
            )
            log.error("event=campaign_refused reason=%s: %s", bad, plays)
        self._complaint = str(bad)

    def _look(self) -> tuple[int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_size
