"""Weeks of a screen in seconds: the product's choice, ledger and learner in a simulated shop."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from kiosk.ads import (
    Campaign,
    Decision,
    Ledger,
    Moment,
    Ranker,
    Rotation,
    decide,
    open_ranker,
    reward_of,
)
from kiosk.config import AdsSettings
from kiosk.planning.delivery import MARK_S, Delivered, even_lines
from kiosk.planning.policies import Baseline, Best
from kiosk.planning.world import DAY_S, HOUR_S, SHOP, World
from kiosk.simulate import ShopKind

Policy = Literal["rotation", "rules", "learner", "best", "linucb", "thompson"]

LEAD_S = 1.0
"""How long before a play the choice is made: who is there may be gone when it begins."""

DARK_S = 5.0
"""Until the next look, when no creative may play at all."""


@dataclass(frozen=True)
class Job:
    """What one policy is to play.

    Attributes:
        first: the first simulated day, a Monday.
        days: how many.
        world_seed: of the shop; the same for all policies that are compared.
        seed: of the policy's own draws.
        shop: when it is open, and who comes.
    """

    policy: Policy
    campaign: Campaign
    settings: AdsSettings
    first: date
    days: int
    world_seed: int
    seed: int
    shop: ShopKind = SHOP


@dataclass
class Day:
    """What a day earned.

    Attributes:
        attention_s: viewers' seconds of attention, as they happened.
        expected_s: their expectation, given who was there and what was shown: without the luck.
        chosen_s: of that, what was earned by plays that were chosen for somebody in view.
        plays: all of them.
        watched: those that were chosen for somebody in view.
    """

    attention_s: float = 0.0
    expected_s: float = 0.0
    chosen_s: float = 0.0
    plays: int = 0
    watched: int = 0


@dataclass
class Log:
    """Decisions with somebody in view, as off-policy estimates need them; lists alike.

    Attributes:
        reward, propensity: of what was drawn.
        guess: the reward that the learner expected of it.
        wanted: by policy, its probability of the same.
        guess_wanted: by policy, the learner's expectation of what it would have drawn.
        truth: by policy, the true expectation of the same.
    """

    reward: list[float] = field(default_factory=list)
    propensity: list[float] = field(default_factory=list)
    guess: list[float] = field(default_factory=list)
    wanted: dict[str, list[float]] = field(default_factory=dict)
    guess_wanted: dict[str, list[float]] = field(default_factory=dict)
    truth: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Played:
    """What a policy made of the weeks."""

    policy: Policy
    days: list[Day]
    contracts: list[Delivered]
    log: Log
    dark_s: float


TARGETS = ("by-weight", "likeliest")
"""Policies whose worth is estimated from the learner's log: draw by weight among the same
candidates, and always show what the learner holds for the likeliest."""


def play(job: Job) -> Played:
    """Play the days of a job."""
    return _Weeks(job).played()


class _Weeks:
    """One policy at work."""

    def __init__(self, job: Job) -> None:
        self._job, self._campaign = job, job.campaign
        self._world = World(job.campaign.creatives, job.days, job.world_seed, job.shop)
        self._midnight = datetime.combine(job.first, time(0), UTC)
        self._lines = even_lines(job.campaign, job.first, job.days, self._is_on)
        self._ranker, self._settings = _procedure(job, self._world)
        self._draw = random.Random(f"draws {job.policy} {job.seed}").random
        self._ledger, self._log, self._dark_s = Ledger(), Log(), 0.0
        self._marked_s = 0.0

    def played(self) -> Played:
        days = [self._day(number) for number in range(self._job.days)]
        delivered = [line.delivered() for line in self._lines.values()]
        return Played(self._job.policy, days, delivered, self._log, self._dark_s)

    def _is_on(self, local: datetime) -> bool:
        shop = self._world.shop
        return shop.opens <= local.hour < shop.closes

    def _day(self, number: int) -> Day:
        day, shop = Day(), self._world.shop
        at_s = float(number * DAY_S + shop.opens * HOUR_S)
        end_s = number * DAY_S + shop.closes * HOUR_S
        while at_s < end_s:
            at_s += self._step(day, at_s)
            self._mark(min(at_s, end_s))
        self._mark((number + 1) * DAY_S)
        return day

    def _step(self, day: Day, at_s: float) -> float:
        """Choose and play; seconds that it took."""
        utc = self._midnight + timedelta(seconds=at_s)
        moment = Moment(utc, utc, at_s)
        audience = self._world.audience(at_s - LEAD_S, self._settings.min_dwell_s)
        if isinstance(self._ranker, Best):
            self._ranker.look(audience, at_s)
        decision = decide(
            self._campaign, audience, moment, self._ledger, self._ranker, self._draw,
            self._settings, {},
        )  # fmt: skip
        if decision is None:
            self._dark_s += DARK_S
            return DARK_S
        shown = decision.creative
        self._ledger.start(shown, self._campaign, moment, presented=True)
        earned = self._world.play(shown, at_s, shown.duration_s)
        self._ledger.end(shown.duration_s, earned.viewers, completed=True)
        if shown.contract in self._lines:
            self._lines[shown.contract].play(shown.duration_s, earned.viewers)
        day.plays += 1
        day.attention_s += earned.attention_s
        day.expected_s += earned.expected_s
        if decision.context is not None and decision.context.size:
            day.watched += 1
            day.chosen_s += earned.expected_s
            self._learn(decision, earned.attention_s, at_s)
        return shown.duration_s

    def _learn(self, decision: Decision, attention_s: float, at_s: float) -> None:
        reward = reward_of(attention_s, decision.creative.duration_s)
        if reward is None or decision.context is None or decision.propensity is None:
            return
        if self._job.policy == "learner":
            self._note(decision, reward, decision.propensity, at_s)
        self._ranker.learn(
            decision.context, decision.candidates, decision.chosen, decision.propensity, reward
        )

    def _note(self, decision: Decision, reward: float, propensity: float, at_s: float) -> None:
        """What off-policy estimates take, from what the product logs of a decision."""
        log, chosen, candidates = self._log, decision.chosen, decision.candidates
        inside = [one for one in decision.considered if one.rule is None]
        guesses = [one.score or 0.0 for one in inside]
        worth = [
            self._world.play(one, at_s, one.duration_s).expected_s / one.duration_s
            for one in candidates
        ]
        total = sum(one.weight for one in candidates)
        likeliest = max(range(len(inside)), key=lambda place: inside[place].probability)
        policies = (
            [one.weight / total for one in candidates],
            [float(place == likeliest) for place in range(len(inside))],
        )
        log.reward.append(reward)
        log.propensity.append(propensity)
        log.guess.append(guesses[chosen])
        for name, wanted in zip(TARGETS, policies, strict=True):
            log.wanted.setdefault(name, []).append(wanted[chosen])
            log.guess_wanted.setdefault(name, []).append(_mean(wanted, guesses))
            log.truth.setdefault(name, []).append(_mean(wanted, worth))

    def _mark(self, at_s: float) -> None:
        while self._marked_s + MARK_S <= at_s:
            day, number = divmod(int(self._marked_s), DAY_S)
            for line in self._lines.values():
                line.mark(day, number // MARK_S)
            self._marked_s += MARK_S


def _procedure(job: Job, world: World) -> tuple[Ranker, AdsSettings]:
    """The ranker of a policy, and the settings of the choice around it."""
    settings, learner = job.settings, job.settings.learner
    plain = settings.model_copy(
        update={"control_share": 0.0, "learner": learner.model_copy(update={"enabled": True})}
    )
    if job.policy == "rotation":
        return Rotation(), plain.model_copy(update={"control_share": 1.0})
    if job.policy == "rules":
        off = learner.model_copy(update={"enabled": False})
        return Rotation(), plain.model_copy(update={"learner": off})
    if job.policy == "best":
        return Best(world), plain
    whole = plain.model_copy(update={"control_share": settings.control_share})
    if job.policy == "learner":
        return open_ranker(learner.floor, learner.seed + job.seed), whole
    return Baseline(job.campaign.creatives, job.policy, job.seed), whole


def _mean(shares: list[float], values: list[float]) -> float:
    return sum(share * value for share, value in zip(shares, values, strict=True))
