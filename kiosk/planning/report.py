"""What simulated weeks say: contracts, attention beside other policies, off-policy estimates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from time import perf_counter
from typing import Any

import numpy as np

from kiosk.ads import Campaign
from kiosk.config import AdsSettings
from kiosk.planning.delivery import Delivered
from kiosk.planning.ope import ESTIMATORS, Estimate, Logged, estimate
from kiosk.planning.weeks import TARGETS, Job, Log, Played, Policy, play
from kiosk.planning.world import SHOP
from kiosk.simulate import ShopKind

TAIL_DAYS = 2
"""Last days of the simulated time, by which it is judged what was learned by then."""

COMPARED: tuple[Policy, ...] = ("learner", "rotation", "rules", "best")
BASELINES: tuple[Policy, ...] = ("linucb", "thompson")


@dataclass(frozen=True)
class Weighed:
    """An off-policy estimate beside the truth, in viewers' seconds of attention a second."""

    value: float
    low: float
    high: float
    truth: float


@dataclass(frozen=True)
class Report:
    """Weeks of one campaign in one simulated shop.

    Attributes:
        runs: what each policy made of them.
        ope: by target policy and estimator.
        took_s: seconds that it took.
    """

    campaign: str
    first: date
    seed: int
    runs: dict[Policy, Played]
    ope: dict[str, dict[str, Weighed]]
    took_s: float

    @property
    def learner(self) -> Played:
        """The product as it is configured."""
        return self.runs["learner"]

    @property
    def delivery_error(self) -> float:
        """The largest distance of a contract from its goal, as a share of it."""
        return max((abs(one.error) for one in self.learner.contracts), default=0.0)

    @property
    def pacing_error(self) -> float:
        """The largest mean distance from an even line, as a share of a day's goal."""
        return max((one.pacing_error for one in self.learner.contracts), default=0.0)

    def attention(
        self, policy: Policy, last_days: int | None = None, *, chosen: bool = False
    ) -> float:
        """Expected attention of a policy, in viewers' seconds.

        Args:
            policy: one that was compared.
            last_days: of these only; ``None``: of all.
            chosen: of plays only that were chosen for somebody in view.
        """
        days = self.runs[policy].days
        days = days[-last_days:] if last_days else days
        return sum(one.chosen_s if chosen else one.expected_s for one in days)

    def against(self, policy: Policy, last_days: int | None = None) -> float:
        """The learner's attention over another's, less one: an uplift."""
        other = self.attention(policy, last_days)
        return self.attention("learner", last_days) / other - 1 if other else 0.0

    def worst_day(self, policy: Policy) -> float:
        """The smallest daily uplift over another policy."""
        ours, theirs = self.learner.days, self.runs[policy].days
        ratios = [
            one.expected_s / other.expected_s - 1
            for one, other in zip(ours, theirs, strict=True)
            if other.expected_s
        ]
        return min(ratios, default=0.0)

    def share_of_best(
        self,
        policy: Policy = "learner",
        last_days: int | None = TAIL_DAYS,
        *,
        chosen: bool = False,
    ) -> float:
        """A policy's attention as a share of the best fixed policy's; as :meth:`attention`."""
        best = self.attention("best", last_days, chosen=chosen)
        return self.attention(policy, last_days, chosen=chosen) / best if best else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As one JSON object; uplifts and errors are shares."""
        runs = self.runs
        return {
            "campaign": self.campaign,
            "seed": self.seed,
            "days": len(self.learner.days),
            "plays": sum(one.plays for one in self.learner.days),
            "watched_plays": sum(one.watched for one in self.learner.days),
            "delivery_error": round(self.delivery_error, 5),
            "pacing_error": round(self.pacing_error, 5),
            "attention_vs_rotation": round(self.against("rotation"), 4),
            "attention_vs_rules": round(self.against("rules"), 4),
            "share_of_best": round(self.share_of_best(), 4),
            "share_of_best_whole": round(self.share_of_best(last_days=None), 4),
            "share_of_best_chosen": round(self.share_of_best(chosen=True), 4),
            "worst_day_vs_rotation": round(self.worst_day("rotation"), 4),
            "regret_s": round(self.attention("best") - self.attention("learner"), 1),
            "ope": _rounded(self.ope[TARGETS[0]]),
            "ope_likeliest": _rounded(self.ope[TARGETS[1]]),
            "policies": {
                name: {
                    "attention_s": [round(one.expected_s, 1) for one in run.days],
                    "happened_s": [round(one.attention_s, 1) for one in run.days],
                    "share_of_best": round(self.share_of_best(name), 4),
                    "share_of_best_whole": round(self.share_of_best(name, None), 4),
                    "delivery_error": max(
                        (round(abs(c.error), 5) for c in run.contracts), default=0
                    ),
                    "dark_s": run.dark_s,
                }
                for name, run in runs.items()
            },
            "contracts": [_row(one) for one in self.learner.contracts],
            "seconds": round(self.took_s, 2),
        }


def simulate(
    campaign: Campaign,
    settings: AdsSettings,
    first: date,
    days: int,
    seed: int,
    *,
    baselines: bool = False,
    workers: int | None = None,
    shop: ShopKind = SHOP,
) -> Report:
    """Play the days by every policy in the same shop.

    Args:
        campaign: what is played.
        settings: of choosing, as a device would have them.
        first: the first day, a Monday.
        days: how many.
        seed: of the shop and of the draws.
        baselines: LinUCB and Thompson sampling too; extra ``bench`` has their library.
        workers: processes; ``None``: as many as there are processors.
        shop: when it is open, and who comes.
    """
    began_s = perf_counter()
    policies = COMPARED + (BASELINES if baselines else ())
    jobs = [Job(one, campaign, settings, first, days, seed, seed, shop) for one in policies]
    played = _play_all(jobs, workers if workers is not None else os.cpu_count() or 1)
    runs = {one.policy: one for one in played}
    ope = {target: _weighed(runs["learner"].log, target, seed) for target in TARGETS}
    return Report(campaign.name, first, seed, runs, ope, perf_counter() - began_s)


def _play_all(jobs: Sequence[Job], workers: int) -> list[Played]:
    if workers <= 1:
        return [play(job) for job in jobs]
    # Spawned, not forked: the caller may have threads.
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn")) as pool:
        return list(pool.map(play, jobs))


def _weighed(log: Log, target: str, seed: int) -> dict[str, Weighed]:
    if not log.reward:
        return {}
    logged = logged_of(log, target)
    if not logged.weight.any():
        return {}
    truth = float(np.mean(log.truth[target]))
    return {name: _beside(estimate(name, logged, seed), truth) for name in ESTIMATORS}


def logged_of(log: Log, target: str) -> Logged:
    """What an estimate takes, of a run's log."""
    parts = (log.reward, log.propensity, log.wanted[target], log.guess, log.guess_wanted[target])
    return Logged(*(np.array(part) for part in parts))


def _beside(found: Estimate, truth: float) -> Weighed:
    return Weighed(found.value, found.low, found.high, truth)


def _rounded(ope: dict[str, Weighed]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 5) for key, value in asdict(one).items()}
        for name, one in ope.items()
    }


def _row(one: Delivered) -> dict[str, Any]:
    return {
        "contract": one.contract,
        "unit": one.unit,
        "due": round(one.due, 1),
        "got": round(one.got, 1),
        "plays": one.plays,
        "error": round(one.error, 5),
        "off_line": round(one.off_line, 2),
        "most_off_line": round(one.most_off_line, 2),
        "pacing_error": round(one.pacing_error, 5),
    }
