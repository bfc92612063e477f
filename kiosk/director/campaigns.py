"""The campaign that plays: head office's if there is one, else the device's own file.

It is read again when it changes; what cannot be used never replaces what plays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from kiosk.ads import HOUSE_CAMPAIGN, Campaign, load_campaign
from kiosk.config import DesiredSettings, installed_campaign
from kiosk.errors import CampaignError

log = logging.getLogger(__name__)


Stamp = tuple[Path, int, int]


class CampaignFile:
    """A campaign file that may change while it plays, or give way to another one.

    Attributes:
        campaign: what is chosen from.
        before: the one before it, of which something may still be on screen.
    """

    def __init__(self, own: Path, desired: DesiredSettings | None = None) -> None:
        """Read it; until there is one that can be used, the house card plays.

        Args:
            own: the device's own campaign file.
            desired: where a campaign of head office is installed; it comes first.
        """
        self._own = own
        self._desired = desired
        self._path = own
        self._stamp: Stamp | None = None
        self._complaint = ""
        self._house = False
        self.campaign = HOUSE_CAMPAIGN
        self.before: Campaign | None = None
        for path in dict.fromkeys((self._wanted(), own)):
            stamp = self._look(path)
            try:
                self.campaign = load_campaign(path)
            except (CampaignError, OSError) as bad:
                self._refuse(bad)
            else:
                self._stamp = stamp
                return

    def playing(self) -> list[Campaign]:
        """The campaigns of which something may be on screen, newest first."""
        house = [HOUSE_CAMPAIGN] if self._house else []
        return [self.campaign, *([] if self.before is None else [self.before]), *house]

    def with_house(self) -> None:
        """Our own card is to play beside the campaign: nothing of that could be chosen."""
        self._house = True

    def not_of(self, kinds: Collection[str]) -> dict[str, str]:
        """Creatives of other kinds than the screen shows, each with why it must not be chosen."""
        return {
            one.id: f"the screen does not show {one.kind}"
            for one in self.campaign.creatives
            if one.kind not in kinds
        }

    def creative_ids(self) -> list[str]:
        """Ids of everything that may be played or be on screen now."""
        return [one.id for campaign in self.playing() for one in campaign.creatives]

    async def reload(self) -> bool:
        """Read the file again if it changed; a bad one is told of once and not used.

        A bad one is looked at again each time: its media may arrive after it.

        Returns:
            Whether the campaign is another one now.
        """
        path = self._wanted()
        stamp = self._look(path)
        if stamp == self._stamp:
            return False
        try:
            # In a thread: a long file takes longer to read than the screen may wait.
            campaign = await asyncio.to_thread(load_campaign, path)
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

    def _wanted(self) -> Path:
        """The file that is to play; when it is not known, the one of before."""
        if self._desired is None:
            return self._own
        try:
            installed = installed_campaign(self._desired)
        except ValueError as bad:
            self._refuse(bad)
            return self._path
        self._path = self._own if installed is None or installed.file is None else installed.file
        return self._path

    def _look(self, path: Path) -> Stamp:
        try:
            stat = path.stat()
        except OSError:
            return path, 0, 0
        return path, stat.st_mtime_ns, stat.st_size
