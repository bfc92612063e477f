"""The choice of what plays next: guardrails, pacing, learner, in this order, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.ads.campaigns.campaign import Campaign, Creative
from kiosk.ads.choice.context import Context
from kiosk.ads.choice.drawing import Drawn, draw_one
from kiosk.ads.choice.learner import Ranker
from kiosk.ads.choice.rules import Refusal, Scene, judge
from kiosk.ads.choice.specific import MostSpecific
from kiosk.ads.choice.wording import explain, reason_of
from kiosk.ads.contracts.ledger import Ledger
from kiosk.ads.contracts.moment import Moment
from kiosk.ads.contracts.pacing import LATE, Standing, first_in_turn, standing
from kiosk.ads.contracts.sold import sold_in
from kiosk.audience import Audience
from kiosk.config import AdsSettings

SCORED = 16
"""Candidates whose score is worked out for the record: the likeliest ones."""

MOST_BYTES = 16_384
"""Of what is kept of a decision: 200 creatives fit."""


@dataclass(frozen=True)
class Considered:
    """What became of one creative.

    Attributes:
        rule: why it could not be drawn; ``None``: it could.
        score: the reward that was expected of it; ``None``: not worked out.
        probability: of the whole procedure for it; 0 when it could not be drawn.
        why: the rule as a sentence without its end.
    """

    creative: str
    rule: str | None = None
    score: float | None = None
    probability: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Decision:
    """What to play next, and why.

    Attributes:
        campaign: name of the campaign that the creative was chosen from.
        reason: short and countable: ``contract: ...``, ``targeted: ...`` or ``rotation: ...``.
        explanation: a paragraph, of nobody in view.
        propensity: probability of the whole procedure for it; ``None``: it was not drawn.
        control: it was drawn whoever is there.
        considered: every creative of the campaign.
        context: what the learner saw; it is never written down.
        candidates: among which it was drawn, in the order of the file.
    """

    creative: Creative
    campaign: str
    reason: str
    explanation: str
    propensity: float | None = None
    control: bool = False
    considered: tuple[Considered, ...] = ()
    context: Context | None = None
    candidates: tuple[Creative, ...] = ()

    @property
    def chosen(self) -> int:
        """Its place among the candidates."""
        return self.candidates.index(self.creative)

    def record(self, most_bytes: int = MOST_BYTES) -> str:
        """What is kept of the weighing, as JSON: rules and scores, nothing of who was there.

        Args:
            most_bytes: creatives that do not fit are counted under ``more``, the others come first.
        """
        within = [
            {"id": one.creative, "score": _short(one.score), "p": _short(one.probability)}
            for one in sorted(self.considered, key=lambda one: -one.probability)
            if one.rule is None
        ]
        out: dict[str, list[str]] = {}
        room, more = most_bytes - 200, 0
        kept = []
        for entry in within:
            room -= len(json.dumps(entry)) + 2
            kept.append(entry) if room > 0 else None
            more += room <= 0
        for one in self.considered:
            if one.rule is None:
                continue
            room -= len(one.creative) + 4 + (0 if one.rule in out else len(one.rule) + 8)
            if room > 0:
                out.setdefault(one.rule, []).append(one.creative)
            else:
                more += 1
        return json.dumps({"in": kept, "out": out, "more": more})


def decide(  # noqa: PLR0917 - each is another thing that a choice depends on
    campaign: Campaign,
    audience: Audience,
    moment: Moment,
    ledger: Ledger,
    ranker: Ranker,
    draw: Callable[[], float],
    settings: AdsSettings,
    broken: Mapping[str, str],
) -> Decision | None:
    """Choose what plays next.

    Args:
        campaign: what may be played.
        audience: who is there.
        moment: when.
        ledger: what was played and delivered.
        ranker: gives the candidates their probabilities.
        draw: uniform in [0, 1); the same draws make the same choice.
        settings: of choosing. Without a learner the most specific candidates come first.
        broken: creatives to leave out, with why.

    Returns:
        The choice, or ``None`` when a rule forbids every creative.
    """
    scene = Scene.of(
        campaign, audience, moment, ledger, match_share=settings.match_share, broken=broken
    )
    standings = _standings(campaign, audience, moment, ledger)
    out: dict[str, Refusal] = {}
    able = []
    for creative in campaign.creatives:
        refusal = judge(creative, scene) or _pace(creative, standings)
        if refusal is None:
            able.append(creative)
        else:
            out[creative.id] = refusal
    if not able:
        return None
    able = _vary(able, scene, standings, out)
    urgent = _turn(able, standings, out)
    candidates = [one for one in able if one.id not in out]
    control_share = settings.control_share
    if not settings.learner.enabled:
        ranker, candidates = _most_specific(candidates, out)
        control_share = 0.0 if any(one.targeted for one in candidates) else control_share
    context = Context.of(audience, moment.local)
    drawn = draw_one(candidates, context, ranker, control_share, draw)
    scores = _scores(candidates, drawn, context, ranker)
    chosen = candidates[drawn.chosen]
    first = standings.get(chosen.contract or "") if chosen.contract in urgent else None
    targeted_out = {
        out[one.id].rule for one in campaign.creatives if one.targeted and one.id in out
    }
    reason = reason_of(
        chosen, audience, candidates, targeted_out, control=drawn.control, behind=first
    )
    return Decision(
        chosen,
        campaign.name,
        reason,
        explain(out, candidates, drawn, scores[drawn.chosen], first or reason),
        drawn.propensities[drawn.chosen],
        drawn.control,
        _considered(campaign, out, candidates, drawn, scores),
        context,
        tuple(candidates),
    )


def _standings(
    campaign: Campaign, audience: Audience, moment: Moment, ledger: Ledger
) -> dict[str, Standing]:
    watched = bool(audience.viewers) if audience.state == "live" else None
    found = (standing(one, ledger, moment, watched=watched) for one in sold_in(campaign))
    return {one.contract: one for one in found if one is not None}


def _pace(creative: Creative, standings: Mapping[str, Standing]) -> Refusal | None:
    one = standings.get(creative.contract or "")
    if one is None or one.may:
        return None
    if one.behind < 0:
        return Refusal.by("pace", f"contract {one.contract} is ahead")
    return Refusal.by("pace", f"contract {one.contract} is not to play so densely")


def _vary(
    able: list[Creative],
    scene: Scene,
    standings: Mapping[str, Standing],
    out: dict[str, Refusal],
) -> list[Creative]:
    """Leave out the one before, if there is another and it is not all that a late contract has."""
    before = scene.ledger.last
    last = next((one for one in able if before and one.id == before.creative), None)
    if last is None or len(able) == 1:
        return able
    own = standings.get(last.contract or "")
    alone = not any(one.contract == last.contract and one is not last for one in able)
    if own is not None and own.must and own.behind >= LATE and alone:
        return able
    out[last.id] = Refusal.by("variety")
    return [one for one in able if one is not last]


def _turn(
    able: Sequence[Creative], standings: Mapping[str, Standing], out: dict[str, Refusal]
) -> frozenset[str]:
    """Leave the others out while a contract is behind that can play; says which ones are."""
    there = {one.contract for one in able}
    urgent = first_in_turn(one for name, one in standings.items() if name in there)
    if urgent:
        for creative in able:
            if creative.contract not in urgent:
                out[creative.id] = Refusal.by("turn")
    return urgent


def _most_specific(
    candidates: list[Creative], out: dict[str, Refusal]
) -> tuple[Ranker, list[Creative]]:
    ranker = MostSpecific(candidates)
    kept = [one for one in candidates if ranker.keeps(one)]
    out.update({one.id: Refusal.by("specific") for one in candidates if not ranker.keeps(one)})
    return ranker, kept


def _scores(
    candidates: Sequence[Creative], drawn: Drawn, context: Context, ranker: Ranker
) -> dict[int, float]:
    likely = sorted(range(len(candidates)), key=lambda place: -drawn.propensities[place])[:SCORED]
    places = sorted({*likely, drawn.chosen})
    found = ranker.scores(context, [candidates[place] for place in places])
    return dict(zip(places, found, strict=True))


def _considered(
    campaign: Campaign,
    out: Mapping[str, Refusal],
    candidates: Iterable[Creative],
    drawn: Drawn,
    scores: Mapping[int, float],
) -> tuple[Considered, ...]:
    place = {one.id: number for number, one in enumerate(candidates)}
    return tuple(
        Considered(one.id, out[one.id].rule, why=out[one.id].why)
        if one.id in out
        else Considered(one.id, None, scores.get(place[one.id]), drawn.propensities[place[one.id]])
        for one in campaign.creatives
    )


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
