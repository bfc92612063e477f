"""What one choice costs: guardrails, pacing and learner, beside the bare learner's prediction."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from statistics import quantiles
from typing import Any

from kiosk import terms
from kiosk.ads import (
    Campaign,
    Context,
    Contract,
    Creative,
    Gender,
    Ledger,
    Moment,
    Plays,
    ShareOfVoice,
    Targeting,
    Times,
    Window,
    decide,
    open_ranker,
)
from kiosk.audience import Audience
from kiosk.config import AdsSettings
from kiosk.vision import Viewer

CONTRACTS = 40
PLAY_S = 10.0
GENDERS: tuple[Gender, ...] = ("female", "male")
VIEWERS = 3
MONDAY = datetime(2026, 3, 2, 11, tzinfo=UTC)
SEED = 7


@dataclass(frozen=True)
class Measured:
    """Milliseconds.

    Attributes:
        creatives: of the campaign.
        contracts: of the campaign.
        choices: measured.
        candidates: among which was drawn, on average.
        p50_ms, p95_ms: of a whole choice.
        baseline: the learner that was asked.
        baseline_p50_ms, baseline_p95_ms: of its prediction alone, over all the creatives.
    """

    creatives: int
    contracts: int
    choices: int
    candidates: float
    p50_ms: float
    p95_ms: float
    baseline: str
    baseline_p50_ms: float
    baseline_p95_ms: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(creatives: int, choices: int) -> Measured:
    """Play a morning of a large campaign, choice by choice.

    Args:
        creatives: of the campaign; half of them targeted, four in five sold.
        choices: to measure.
    """
    rng = random.Random(SEED)  # noqa: S311 - the same campaign and audience each time
    settings = AdsSettings()
    ranker = open_ranker(settings.learner.floor, SEED)
    campaign, ledger = _campaign(creatives, rng), Ledger()
    took, bare, candidates, utc, now_s = [], [], 0, MONDAY, 0.0
    for _ in range(choices):
        audience = Audience("live", 0.1, tuple(_viewer(n, rng) for n in range(VIEWERS)))
        moment = Moment.of(utc, "Europe/Berlin", now_s)
        began = time.perf_counter()
        decision = decide(campaign, audience, moment, ledger, ranker, rng.random, settings, {})
        took.append(1000 * (time.perf_counter() - began))
        context = Context.of(audience, moment.local)
        began = time.perf_counter()
        ranker.probabilities(context, campaign.creatives)
        bare.append(1000 * (time.perf_counter() - began))
        if decision is None:
            raise AssertionError("a campaign of the bench always has something to play")
        candidates += len(decision.candidates)
        chosen = decision.chosen, decision.propensity or 1.0
        ranker.learn(context, decision.candidates, *chosen, rng.random())
        ledger.start(decision.creative, campaign, moment, presented=True)
        ledger.end(PLAY_S, VIEWERS, completed=True)
        utc, now_s = utc + timedelta(seconds=PLAY_S), now_s + PLAY_S
    p50_ms, p95_ms = _percentiles(took)
    bare_p50_ms, bare_p95_ms = _percentiles(bare)
    return Measured(
        len(campaign.creatives), CONTRACTS, choices, round(candidates / choices, 1), p50_ms, p95_ms,
        type(ranker).__name__, bare_p50_ms, bare_p95_ms,
    )  # fmt: skip


def as_table(found: Measured) -> str:
    """The figures for a terminal."""
    return "\n".join(
        [
            f"{found.choices} choices among {found.creatives} creatives of {found.contracts}"
            f" contracts; {found.candidates:g} candidates on average",
            "                              p50 ms  p95 ms",
            f"choice                        {found.p50_ms:6.2f}  {found.p95_ms:6.2f}",
            f"{f'{found.baseline} alone, over all':<29} {found.baseline_p50_ms:6.2f}"
            f"  {found.baseline_p95_ms:6.2f}",
        ]
    )


def _percentiles(took: list[float]) -> tuple[float, float]:
    cuts = quantiles(took, n=20)
    return round(cuts[9], 3), round(cuts[18], 3)


def _campaign(count: int, rng: random.Random) -> Campaign:
    open_hours = Times(windows=(Window(frozenset(range(6)), clock_time(9), clock_time(20)),))
    contracts = {}
    for number in range(CONTRACTS):
        goal = Plays(rng.randint(2, 6), "hour") if number % 2 else ShareOfVoice(0.01)
        contracts[f"k{number}"] = Contract(
            f"k{number}", f"a{number % 9}", f"category-{number % 12}", goal, open_hours,
            priority=number % 3, separation_plays=number % 2,
        )  # fmt: skip
    return Campaign("bench", tuple(_creative(n, rng) for n in range(count)), contracts)


def _creative(number: int, rng: random.Random) -> Creative:
    targeting = Targeting(gender=(rng.choice(GENDERS),)) if number % 2 else Targeting()
    contract = f"k{(number - number // 5) % CONTRACTS}" if number % 5 else None
    return Creative(
        f"c{number}", "image", Path("x.svg"), PLAY_S, f"category-{number % 12}",
        1.0 + number % 3, True, targeting, contract,
    )  # fmt: skip


def _viewer(number: int, rng: random.Random) -> Viewer:
    return Viewer(
        id=f"v{number}",
        first_s=0.0,
        last_s=9.0,
        box=(0.1, 0.1, 0.1, 0.1),
        looking=rng.random() < 0.5,
        age_band=rng.choice(terms.ADULT_BANDS),
        age_p=0.9,
        gender=rng.choice(GENDERS),
        gender_p=0.9,
        mood=rng.choice(terms.MOODS),
        mood_p=0.9,
        minor_possible=False,
        live=True,
    )
