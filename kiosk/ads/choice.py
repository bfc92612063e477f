"""The choice: who is there decides what is eligible, fairness decides among those."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from kiosk import terms
from kiosk.ads.campaign import Campaign, Creative, Targeting
from kiosk.audience import Audience
from kiosk.vision import Viewer


@dataclass(frozen=True)
class Choice:
    """What to play next, and why.

    Attributes:
        campaign: name of the campaign that the creative was chosen from.
        reason: short and countable, ``targeted: ...`` or ``rotation: ...``.
        explanation: the same as a sentence.
    """

    creative: Creative
    campaign: str
    reason: str
    explanation: str


@dataclass
class History:
    """What was played; one counter per creative of the campaign.

    Attributes:
        plays: plays of each creative.
        last: the creative before.
    """

    plays: dict[str, int] = field(default_factory=dict)
    last: str | None = None

    def played(self, creative: Creative) -> None:
        """Remember a play."""
        self.plays[creative.id] = self.plays.get(creative.id, 0) + 1
        self.last = creative.id

    def begin_anew(self) -> None:
        """Another campaign plays: a new creative has nothing to catch up with."""
        self.plays.clear()


def fits(viewer: Viewer, wanted: Targeting) -> bool:
    """Whether a viewer is whom the targeting asks for; unknown fits nothing that is asked for."""
    return (
        (not wanted.age or viewer.age_band in wanted.age)
        and (not wanted.gender or viewer.gender in wanted.gender)
        and (not wanted.mood or terms.FAMILY_OF_MOOD.get(viewer.mood) in wanted.mood)
    )


def eligible(creative: Creative, audience: Audience, match_share: float) -> bool:
    """Whether a creative may play before this audience.

    Nobody under 18 is targeted: one possible minor in view leaves the untargeted creatives that
    are for all ages. So does a vision that cannot tell who is there.

    Args:
        creative: what might be played.
        audience: who is there.
        match_share: share of the viewers that have to fit a targeting.
    """
    viewers = audience.viewers
    minor_possible = _minor_possible(audience)
    if not creative.all_ages and (minor_possible or audience.state != "live"):
        return False
    if not creative.targeted:
        return True
    if audience.state != "live" or not viewers or minor_possible:
        return False
    wanted = creative.targeting
    size = len(viewers)
    if wanted.group is not None and (
        size < wanted.group.min or (wanted.group.max is not None and size > wanted.group.max)
    ):
        return False
    fitting = sum(fits(viewer, wanted) for viewer in viewers)
    return fitting > 0 and fitting / size >= match_share


def _minor_possible(audience: Audience) -> bool:
    return audience.minor_possible or any(viewer.minor_possible for viewer in audience.viewers)


def choose(
    campaign: Campaign,
    audience: Audience,
    history: History,
    match_share: float,
    broken: AbstractSet[str] = frozenset(),
) -> Choice | None:
    """Choose the next creative.

    Not the one before, if there is another; then the most specific; then the one that is most
    behind its weight.

    Args:
        campaign: what may be played.
        audience: who is there.
        history: what was played.
        match_share: share of the viewers that have to fit a targeting.
        broken: creatives that a screen could not show lately.

    Returns:
        The choice, or ``None`` when every eligible creative is broken.
    """
    able = [
        creative
        for creative in campaign.creatives
        if creative.id not in broken and eligible(creative, audience, match_share)
    ]
    if not able:
        return None
    best = min(
        able,
        key=lambda creative: (
            creative.id == history.last,
            -creative.targeting.criteria,
            history.plays.get(creative.id, 0) / creative.weight,
        ),
    )
    if best.targeted:
        return _targeted(best, campaign.name, audience)
    why, sentence = _why_rotation(audience, any(creative.targeted for creative in able))
    return Choice(best, campaign.name, f"rotation: {why}", sentence)


def _targeted(creative: Creative, campaign: str, audience: Audience) -> Choice:
    size = len(audience.viewers)
    matching = sum(fits(viewer, creative.targeting) for viewer in audience.viewers)
    return Choice(
        creative,
        campaign,
        f"targeted: {creative.targeting.label}",
        f"{matching} of {size} in view fit {creative.targeting.label}.",
    )


def _why_rotation(audience: Audience, targeted_was_able: bool) -> tuple[str, str]:
    if audience.state == "absent":
        return "vision absent", "No vision process is connected, so nobody can be targeted."
    if audience.state == "stale":
        return "vision stale", "Vision has been silent for too long to be believed."
    if _minor_possible(audience):
        return "minor possible", "Somebody in view may be under 18, so nobody is targeted."
    if not audience.viewers:
        return "nobody in view", "Nobody is in view."
    if targeted_was_able:
        return "variety", "What fits the audience has just played; something else comes between."
    return "no match", "No targeted creative fits who is in view."
