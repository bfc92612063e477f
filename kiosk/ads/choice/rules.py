"""Guardrails: which creatives must not play now, each with the first rule that forbids it.

They stand above pacing and learning: nothing that is owed and nothing that was learned lifts one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from kiosk import terms
from kiosk.ads.campaigns import checks
from kiosk.ads.campaigns.campaign import Campaign, Contract, Creative, Frequency, Targeting
from kiosk.ads.campaigns.exclusivity import shut_out_by
from kiosk.ads.campaigns.times import Times
from kiosk.ads.contracts.ledger import Ledger, Start
from kiosk.ads.contracts.moment import Moment
from kiosk.ads.contracts.sold import sold_in
from kiosk.audience import Audience
from kiosk.vision import Viewer

NEVER_BY_AGE_OR_GENDER = frozenset(checks.NEVER_BY_AGE_OR_GENDER)
"""Whom these reach may not depend on age or gender; no learner may know them for these either."""

MEDIUM = "medium"
"""What is said of a creative that is left out begins so when its file is to blame."""

RULES = {
    "broken": "a screen could not show it a moment ago",
    "medium": "its file is gone, or is not the one that was booked",
    "flight": "its flight does not include today",
    "daypart": "its day-parts do not include this time of day",
    "restricted": "what it advertises must not be shown so",
    "minor": "somebody in view may be under 18",
    "vision": "nobody knows who is in view",
    "group": "it is for a group of another size",
    "looking": "too few face the screen",
    "targeting": "it is for somebody else",
    "exclusivity": "another contract has the screen, or its category, for itself",
    "separation": "a competitor has just played",
    "gap": "it played too short a time ago",
    "frequency": "it has played as often as it may within an hour",
    "pace": "its contract has had what is due by now",
    "variety": "it has just played, and there is another",
    "turn": "a contract that is behind comes first",
    "specific": "something more specific fits who is in view",
}
"""Why something does not play, by a name that can be counted, in the order in which it is asked.

The last two are no guardrails: others come first.
"""


@dataclass(frozen=True)
class Refusal:
    """Why a creative must not play now.

    Attributes:
        rule: one of :data:`RULES`.
        why: a sentence without its end; of nobody in view.
    """

    rule: str
    why: str

    @staticmethod
    def by(rule: str, why: str = "") -> Refusal:
        """Of a rule, in its own words or in better ones."""
        return Refusal(rule, why or RULES[rule])


@dataclass(frozen=True)
class Scene:
    """Everything that rules look at, put together once for all creatives of a choice.

    Attributes:
        broken: creatives that are left out, with why.
        starts: plays before, newest first, as many as a separation may ask for.
        held: whether times hold now, by the identity of each: many creatives share theirs.
        counted: starts within 60 minutes by id, once they were asked for.
        contracts: what forbids all creatives of a contract, once it was asked.
        rivals: contracts that want the screen or a category for themselves, while one of their
            creatives has its time and can be shown; in the order of the file.
    """

    campaign: Campaign
    audience: Audience
    moment: Moment
    ledger: Ledger
    match_share: float
    broken: Mapping[str, str]
    minor_possible: bool
    starts: tuple[Start, ...]
    rivals: tuple[Contract, ...]
    held: dict[int, bool] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    contracts: dict[str, Refusal | None] = field(default_factory=dict)

    def starts_within_an_hour(self, name: str) -> int:
        """Of a creative, or of a ``/contract``."""
        if not self.counted:
            self.counted.update(self.ledger.in_last_hour(self.moment.now_s))
        return self.counted[name]

    def hold(self, times: Times) -> bool:
        """Whether times of this campaign hold now."""
        found = self.held.get(id(times))
        if found is None:
            found = self.held[id(times)] = times.hold(self.moment.local)
        return found

    @staticmethod
    def of(
        campaign: Campaign,
        audience: Audience,
        moment: Moment,
        ledger: Ledger,
        *,
        match_share: float,
        broken: Mapping[str, str],
    ) -> Scene:
        """What there is to look at.

        Args:
            campaign: what may be played.
            audience: who is there.
            moment: when.
            ledger: what was played.
            match_share: share of the viewers that have to fit a targeting.
            broken: creatives to leave out, with why.
        """
        contracts = campaign.contracts.values()
        widest = max((one.separation_plays for one in contracts), default=0)
        # Whom a creative is for is left out of account: what was sold is the time.
        rivals = [
            one.contract
            for one in sold_in(campaign)
            if one.contract.exclusive != "none"
            and one.contract.times.hold(moment.local)
            and any(c.id not in broken and c.times.hold(moment.local) for c in one.creatives)
        ]
        return Scene(
            campaign,
            audience,
            moment,
            ledger,
            match_share,
            broken,
            audience.minor_possible or any(one.minor_possible for one in audience.viewers),
            tuple(ledger.before(widest)),
            tuple(rivals),
        )

    @property
    def blind(self) -> bool:
        """Nobody knows who is in view."""
        return self.audience.state != "live"


def judge(creative: Creative, scene: Scene) -> Refusal | None:
    """The first rule that forbids a creative; pace and variety are asked elsewhere.

    Args:
        creative: of the scene's campaign.
        scene: what is so now.
    """
    if (why := scene.broken.get(creative.id)) is not None:
        return Refusal.by(MEDIUM if why.startswith(MEDIUM) else "broken", why)
    contract = scene.campaign.contracts.get(creative.contract or "")
    return (
        _times(creative, contract, scene)
        or _people(creative, contract, scene)
        or (_contract(contract, scene) if contract is not None else None)
        or _frequency(creative.id, creative.frequency, scene)
    )


def fits(viewer: Viewer, wanted: Targeting) -> bool:
    """Whether a viewer is whom the targeting asks for; unknown fits nothing that is asked for."""
    return (
        (not wanted.age or viewer.age_band in wanted.age)
        and (not wanted.gender or viewer.gender in wanted.gender)
        and (not wanted.mood or terms.FAMILY_OF_MOOD.get(viewer.mood) in wanted.mood)
    )


def _times(creative: Creative, contract: Contract | None, scene: Scene) -> Refusal | None:
    for times in (creative.times, *((contract.times,) if contract is not None else ())):
        if not scene.hold(times):
            in_flight = _flight(times).hold(scene.moment.local)
            return Refusal.by("daypart" if in_flight else "flight")
    return None


@lru_cache(maxsize=1024)
def _flight(times: Times) -> Times:
    return replace(times, windows=())


def _people(creative: Creative, contract: Contract | None, scene: Scene) -> Refusal | None:
    wanted, targeted = creative.targeting, creative.targeted
    if (wanted.age or wanted.gender) and _is_of(creative, contract, NEVER_BY_AGE_OR_GENDER):
        return Refusal.by("restricted", "its category is never targeted by age or gender")
    if scene.minor_possible or scene.blind:
        if _is_of(creative, contract, checks.ADULTS_ONLY):
            why = "its category is for adults alone, and only while vision tells who is there"
            return Refusal.by("restricted", why)
        if targeted or not creative.all_ages:
            return Refusal.by("minor" if scene.minor_possible else "vision")
    return _targeting(wanted, scene) if targeted else None


def _is_of(creative: Creative, contract: Contract | None, categories: frozenset[str]) -> bool:
    return creative.category in categories or (
        contract is not None and contract.category in categories
    )


def _targeting(wanted: Targeting, scene: Scene) -> Refusal | None:
    viewers = scene.audience.viewers
    size = len(viewers)
    if not size:
        return Refusal.by("vision", "nobody is in view")
    group = wanted.group
    if group is not None and (size < group.min or (group.max is not None and size > group.max)):
        return Refusal.by("group")
    if wanted.looking and sum(one.looking for one in viewers) / size < wanted.looking:
        return Refusal.by("looking")
    fitting = sum(fits(viewer, wanted) for viewer in viewers)
    if fitting == 0 or fitting / size < scene.match_share:
        return Refusal.by("targeting")
    return None


def _contract(contract: Contract, scene: Scene) -> Refusal | None:
    """Of all its creatives alike: told once."""
    if contract.id not in scene.contracts:
        scene.contracts[contract.id] = (
            _exclusivity(contract, scene)
            or _separation(contract, scene)
            or _frequency(f"/{contract.id}", contract.frequency, scene)
        )
    return scene.contracts[contract.id]


def _exclusivity(contract: Contract, scene: Scene) -> Refusal | None:
    rival = shut_out_by(contract, scene.rivals)
    if rival is None:
        return None
    what = "the screen" if rival.exclusive == "screen" else "its category"
    return Refusal.by("exclusivity", f"contract {rival.id} has {what} for itself")


def _separation(contract: Contract, scene: Scene) -> Refusal | None:
    for place, start in enumerate(scene.starts):
        if start.contract in (None, contract.id) or start.category != contract.category:
            continue
        other = scene.campaign.contracts.get(start.contract or "")
        apart = max(contract.separation_plays, other.separation_plays if other else 0)
        if place < apart:
            return Refusal.by("separation", f"contract {start.contract} of its category played")
    return None


def _frequency(name: str, frequency: Frequency, scene: Scene) -> Refusal | None:
    if frequency.min_gap_s:
        since_s = scene.ledger.since_s(name, scene.moment.now_s)
        if since_s is not None and since_s < frequency.min_gap_s:
            return Refusal.by("gap")
    most = frequency.max_per_hour
    if most is not None and scene.starts_within_an_hour(name) >= most:
        return Refusal.by("frequency")
    return None
