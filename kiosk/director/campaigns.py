"""The campaign that plays: reloaded when its file changes, the last good one otherwise."""

from __future__ import annotations

import logging
from pathlib import Path

from kiosk.ads import Campaign, load_campaign
from kiosk.errors import CampaignError

log = logging.getLogger(__name__)


class CampaignFile:
    """A campaign file that may change while it plays."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            CampaignError: it cannot be used, and there is no earlier one.
        """
        self._path = path
        self._stamp = self._look()
        self.campaign: Campaign = load_campaign(path)

    def reload(self) -> bool:
        """Read the file again if it changed; a bad one is reported once and not used.

        Returns:
            Whether the campaign is another one now.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.campaign = load_campaign(self._path)
        except CampaignError as bad:
            log.error("event=campaign_refused reason=%s: the last good one stays", bad)
            return False
        log.info(
            "event=campaign_loaded name=%s creatives=%d",
            self.campaign.name,
            len(self.campaign.creatives),
        )
        return True

    def _look(self) -> tuple[int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_size
