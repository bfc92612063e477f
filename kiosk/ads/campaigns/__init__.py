"""Campaigns: what may play, whom for, and what was sold.

Comes in: a campaign file and its media. Goes out: an immutable
:class:`~kiosk.ads.campaigns.campaign.Campaign`, or every fault of the file, each with its line.
"""
