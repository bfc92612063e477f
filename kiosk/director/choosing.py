"""What plays next, what it has earned, and what contracts were given: kept over a restart.

The screen goes on whatever is wrong here: then the plain rotation plays, and after it our own card.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from kiosk.ads import (
    HOUSE_CAMPAIGN,
    Campaign,
    Creative,
    Decision,
    Learner,
    Ledger,
    Moment,
    Rotation,
    Start,
    decide,
    open_ranker,
    reward_of,
)
from kiosk.audience import Audience
from kiosk.clock import Clock, iso
from kiosk.config import AdsSettings, Settings, is_within
from kiosk.director.journal import Journal
from kiosk.director.watching import Watch, Watched
from kiosk.state import (
    Delivery,
    PastPlay,
    Store,
    past_plays,
    prune_deliveries,
    put_deliveries,
    read_deliveries,
    read_learner,
    save_learner,
)
from kiosk.vision import VisionRecord

log = logging.getLogger(__name__)

MODEL = "attention"
"""Under which the learner's model is kept."""

FALLBACK = "rotation: fallback"


@dataclass(frozen=True)
class Past:
    """What the state file knows of before."""

    delivered: list[Delivery]
    plays: list[PastPlay]
    model: bytes | None

    @staticmethod
    def read(store: Store) -> Past:
        """Ask the state file."""
        return Past(read_deliveries(store), past_plays(store), read_learner(store, MODEL))


class Choosing:
    """Ledger, learner, and the choice between them."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        campaigns: Callable[[], list[Campaign]],
        *,
        utc: Callable[[], datetime],
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Know nothing of before; :meth:`recall` asks the state file.

        Args:
            settings: the configuration.
            journal: the state file.
            clock: the time.
            campaigns: those of which something may be on screen, newest first.
            utc: now, for labels.
            draw: uniform in [0, 1).
        """
        self._settings = settings
        self._ads: AdsSettings = settings.ads
        self._journal = journal
        self._clock = clock
        self._campaigns = campaigns
        self._utc = utc
        self._draw = draw
        self._ledger = Ledger()
        self._watch = Watch(settings.audience)
        self._ranker: Learner | Rotation = Rotation()
        self._learned = False
        self._saved_s = self._began_s = clock.monotonic()
        self._opened = 0
        self._hour = ""
        self._faults: set[str] = set()

    async def recall(self) -> None:
        """Learn what was before, before anything of now is written.

        While the state file cannot be opened, what was before joins when it can be.
        """
        if self._journal.opened:
            past = await self._journal.read(Past.read)
            self._begin(past.model)
            self._join(past)
            self._opened = self._journal.opened_times
            return
        self._begin(None)
        loop = asyncio.get_running_loop()

        def read(store: Store) -> None:
            loop.call_soon_threadsafe(self._take, Past.read(store))

        # The first of all writes, so that nothing of now is in what it reads.
        self._journal.write(read)

    # What comes next.

    def choose(
        self, campaign: Campaign, audience: Audience, broken: Mapping[str, str]
    ) -> Decision | None:
        """The next creative; something for everybody when nothing else is left or anything fails.

        Args:
            campaign: what may be played.
            audience: who is there.
            broken: creatives to leave out, with why.

        Returns:
            The choice; ``None`` when even our own card is to be left out.
        """
        decision = None
        try:
            decision = decide(
                campaign, audience, self._moment(), self._ledger, self._ranker, self._draw,
                self._ads, broken,
            )  # fmt: skip
        except Exception:  # noqa: BLE001 - it is told, and the screen goes on
            self._tell("choice")
        return decision or self._fall_back(campaign, broken)

    def _fall_back(self, campaign: Campaign, broken: Mapping[str, str]) -> Decision | None:
        last = self._ledger.last
        for source in (campaign, HOUSE_CAMPAIGN):
            able = [one for one in source.rotation if one.id not in broken]
            others = [one for one in able if last is None or one.id != last.creative]
            if able:
                # By weight: Efraimidis and Spirakis, Information Processing Letters 97, 2006.
                chosen = max(others or able, key=lambda one: self._draw() ** (1 / one.weight))
                return Decision(
                    chosen, source.name, FALLBACK, "Nothing else could be chosen: plain rotation."
                )
        return None

    # What happens to it.

    def started(self, decision: Decision, *, presented: bool) -> None:
        """A play's first frame is on screen."""
        self._watch.begin()
        self._survive(
            "ledger",
            lambda: self._ledger.start(
                decision.creative,
                self._campaign_of(decision.creative),
                self._moment(),
                presented=presented,
            ),
        )

    def ended(
        self, decision: Decision, shown_s: float, *, completed: bool, presented: bool
    ) -> tuple[float | None, list[Delivery]]:
        """A play is over.

        Returns:
            Whole seconds that it was faced for, if that is known; and what it adds to contracts.
        """
        watched = self._watch.end(shown_s) if presented else Watched()
        delivered: list[Delivery] = []

        def close() -> None:
            delivered.extend(self._ledger.end(shown_s, watched.impressions, completed=completed))

        self._survive("ledger", close)
        self._survive("learner", lambda: self._learn(decision, shown_s, watched))
        whole_s = None if watched.attention_s is None else float(round(watched.attention_s))
        return whole_s, delivered

    def record(self, record: VisionRecord) -> None:
        """What vision says, while no staff are at work."""
        windows = self._settings.audience.staff_hours
        if windows and is_within(windows, self._utc(), self._settings.device.timezone):
            self._watch.lost()
        else:
            self._watch.record(record)

    def vision_lost(self) -> None:
        """Nobody is known any more."""
        self._watch.lost()

    def _learn(self, decision: Decision, shown_s: float, watched: Watched) -> None:
        if watched.attention_s is None or decision.propensity is None or decision.context is None:
            return
        reward = reward_of(watched.attention_s, shown_s)
        if reward is None:
            return
        self._ranker.learn(
            decision.context, decision.candidates, decision.chosen, decision.propensity, reward
        )
        self._learned = True

    # What is kept.

    def tick(self, *, clock_known: bool) -> None:
        """Keep what was learned, and keep it all small; what is due of both."""
        if self._clock.monotonic() - self._saved_s >= self._ads.learner.save_s:
            self.save()
        if self._journal.opened_times > max(self._opened, 1):
            # Another file, in which nothing of before stands.
            sums = self._ledger.sums()
            self._journal.write(lambda store: put_deliveries(store, sums), "deliveries")
            self._learned = True
        self._opened = self._journal.opened_times
        hour = self._moment().hour
        if clock_known and hour != self._hour:
            self._hour = hour
            self._prune()

    def save(self) -> None:
        """Keep the learner's model, if there is anything new in it."""
        self._saved_s = self._clock.monotonic()
        if not self._learned:
            return
        self._learned = False

        def keep() -> None:
            model, at = self._ranker.dump(), iso(self._utc())
            if model:
                write = partial(save_learner, name=MODEL, model=model, at=at)
                self._journal.write(write, "learner")

        self._survive("learner", keep)

    def _prune(self) -> None:
        today = self._moment().day
        # Also of those whose flight seems to be over: the clock may have stepped, and steps back.
        known = {name for source in self._campaigns() for name in source.contracts}
        before = today - timedelta(days=self._settings.player.keep_plays_days)
        self._ledger.forget(today, known)
        days = self._ledger.days | {(today - timedelta(days=back)).isoformat() for back in (0, 1)}
        self._journal.write(
            lambda store: prune_deliveries(store, days, known, before.isoformat()), "prune"
        )

    def _begin(self, model: bytes | None) -> None:
        if self._settings.ads.learner.enabled:
            self._survive("learner", lambda: self._open_ranker(model))

    def _open_ranker(self, model: bytes | None) -> None:
        learner = self._settings.ads.learner
        self._ranker = open_ranker(learner.floor, learner.seed, model)
        if isinstance(self._ranker, Learner) and model and not self._ranker.plays:
            # What cannot be read is kept no longer, and told of once.
            self._learned = True
        if isinstance(self._ranker, Rotation):
            # Nothing is learned here, so the most specific goes first.
            without = learner.model_copy(update={"enabled": False})
            self._ads = self._settings.ads.model_copy(update={"learner": without})

    def _take(self, past: Past) -> None:
        self._join(past)
        if past.model is not None:
            self._begin(past.model)

    def _join(self, past: Past) -> None:
        self._survive(
            "ledger",
            lambda: self._ledger.restore(past.delivered, self._starts(past.plays)),
        )

    def _starts(self, plays: list[PastPlay]) -> list[Start]:
        """Plays of before, placed on the monotonic clock by their labels, all before our own.

        Each lies before the next one by what their labels say: where a clock was set between two,
        or is behind now, only the time between these two is not known, and counts as none.
        """
        sold = [one for source in self._campaigns() for one in source.contracts.values()]
        categories = {one.id: one.category for one in sold}
        later, at_s = self._utc(), self._clock.monotonic()
        found = []
        for play in reversed(plays):
            began = datetime.fromisoformat(play.started)
            at_s = min(at_s - max((later - began).total_seconds(), 0.0), self._began_s)
            later = began
            category = categories.get(play.contract or "", "")
            found.append(Start(play.creative, play.contract, category, at_s))
        return found[::-1]

    def _campaign_of(self, creative: Creative) -> Campaign:
        for source in self._campaigns():
            if creative in source.creatives:
                return source
        return HOUSE_CAMPAIGN

    def _moment(self) -> Moment:
        return Moment.of(self._utc(), self._settings.device.timezone, self._clock.monotonic())

    def _survive(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - it is told, and the screen goes on
            self._tell(what)

    def _tell(self, what: str) -> None:
        if what not in self._faults:
            log.exception(
                "event=choice_failed part=%s: the screen goes on, and says this once", what
            )
        self._faults.add(what)
