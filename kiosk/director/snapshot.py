"""The state of things, for the operator's page and for the health message: no picture in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kiosk import __version__, terms
from kiosk.audience import Audience, day_of
from kiosk.clock import iso
from kiosk.config import Settings, is_within
from kiosk.director.aiming import aiming_view
from kiosk.director.counting import Counting
from kiosk.player import Play, media_url
from kiosk.state import (
    Backlog,
    Outbox,
    PlayBook,
    PublishedHour,
    RecentPlay,
    Store,
    published_tables,
)
from kiosk.vision import VisionRecord

RECENT_PLAYS = 8

FPS_STEP = 5
"""The rate leaves the device in steps, so that it says what the device can do and no more."""


@dataclass(frozen=True)
class Facts:
    """What the state file says, read about once a second.

    Attributes:
        recent: the newest plays.
        backlog: how much of the outbox is where.
        published: hours of today that were published.
    """

    recent: tuple[RecentPlay, ...] = ()
    backlog: Backlog = field(default_factory=lambda: Backlog(0, 0))
    published: tuple[PublishedHour, ...] = ()

    @staticmethod
    def read(store: Store, since: str) -> Facts:
        """Ask the state file for what is so now, and for hours from a label on."""
        return Facts(
            tuple(PlayBook(store).recent(RECENT_PLAYS)),
            Outbox(store).backlog(),
            tuple(published_tables(store.db.conn, since)),
        )


@dataclass(frozen=True)
class Snapshot:
    """Everything that there is to know at one moment."""

    settings: Settings
    now: datetime
    audience: Audience
    record: VisionRecord | None
    play: Play | None
    elapsed_s: float
    presented: bool
    screens: int
    counting: Counting | None
    facts: Facts
    reasons: Counter[str]
    peak_fps: float
    notice_shown: bool
    left_out: Mapping[str, str] = field(default_factory=dict)

    def health(self, *, stopped: bool) -> dict[str, Any]:
        """What the uplink sends of this process.

        Exact counts are not to outlive their hour, so only a demo's last word has any.
        """
        record = self.record
        demo = stopped and self.settings.audience.publish_open_hour_on_stop
        counted = self.counting if demo else None
        totals = {"passes": counted.passes, "watchers": counted.watchers} if counted else {}
        return {
            "vision": {
                "state": self.audience.state,
                "peak_fps": round(self.peak_fps / FPS_STEP) * FPS_STEP,
                "accelerator": record.accelerator if record else "",
                "dark": record.dark if record else False,
            },
            "resting": self._rest() != "",
            "screens": self.screens,
            **totals,
        }

    def operator(self) -> dict[str, Any]:
        """What the operator's page shows."""
        device = self.settings.device
        return {
            "t": iso(self.now),
            "device": f"{device.tenant}/{device.site}/{device.name}",
            "version": __version__,
            "vision": self._vision(),
            "viewers": self._viewers(),
            "play": self._play(),
            "screen": {
                "connected": self.screens,
                "presented": self.presented,
                "notice": self.notice_shown,
            },
            "left_out": [{"creative": one, "why": why} for one, why in self.left_out.items()],
            "clock_known": self.counting.clock_known if self.counting else False,
            "rest": self._rest(),
            "counts": self._counts(),
            "today": self._today(),
            "outbox": {
                "waiting": self.facts.backlog.waiting,
                "at_broker": self.facts.backlog.at_broker,
            },
            "recent": [
                {"t": one.started[11:19], "creative": one.creative, "reason": one.reason}
                for one in self.facts.recent
            ],
        }

    def aiming(self) -> dict[str, Any]:
        """What the aiming page shows."""
        return aiming_view(self.settings, self.audience, self.record, self._rest())

    def _vision(self) -> dict[str, Any]:
        record = self.record
        age_s = self.audience.age_s
        return {
            "state": self.audience.state,
            "age_s": round(age_s, 2) if math.isfinite(age_s) else None,
            "fps": record.fps if record else None,
            "inference_ms": record.inference_ms if record else None,
            "frames": record.frames if record else None,
            "device": record.accelerator if record else None,
            "source": record.source if record else None,
        }

    def _viewers(self) -> list[dict[str, Any]]:
        return [
            {
                "id": viewer.id,
                "dwell_s": round(viewer.last_s - viewer.first_s, 1),
                "attention_s": round(self.counting.attention_s(viewer.id), 1)
                if self.counting
                else 0.0,
                "looking": viewer.looking,
                "age_band": viewer.age_band,
                "age_band_p": viewer.age_p,
                "gender": viewer.gender,
                "gender_p": viewer.gender_p,
                "mood": viewer.mood,
                "mood_p": viewer.mood_p,
                "minor_possible": viewer.minor_possible,
                "box": viewer.box,
            }
            for viewer in self.audience.viewers
        ]

    def _play(self) -> dict[str, Any] | None:
        if self.play is None:
            return None
        creative = self.play.choice.creative
        return {
            "id": self.play.play_id,
            "creative": creative.id,
            "kind": creative.kind,
            "url": media_url(creative),
            "duration_s": creative.duration_s,
            "elapsed_s": round(self.elapsed_s, 2),
            "reason": self.play.choice.reason,
            "explanation": self.play.choice.explanation,
        }

    def _rest(self) -> str:
        """Why nobody is counted just now, if that is wanted."""
        settings, zone = self.settings, self.settings.device.timezone
        if is_within(settings.vision.off_hours, self.now, zone):
            return "off hours"
        return "staff hours" if is_within(settings.audience.staff_hours, self.now, zone) else ""

    def _today(self) -> dict[str, Any]:
        counted = self.counting.open_hours() if self.counting else []
        timezone = self.settings.device.timezone
        bands = self.settings.privacy.age_bands
        today = day_of(self.now, timezone, self.facts.published, counted, bands).chart()
        return today | {"waiting": self.counting.waiting if self.counting else 0}

    def _counts(self) -> dict[str, Any]:
        hour, counts = self.counting.present() if self.counting else ("", {})
        bands, genders = (*terms.AGE_BANDS, terms.UNKNOWN), (*terms.GENDERS, terms.UNKNOWN)
        table = {
            band: {gender: counts.get(f"age_gender/{band}/{gender}", 0) for gender in genders}
            for band in bands
        }
        return {
            "hour": hour,
            "passes": counts.get("passes", 0),
            "ots": counts.get("ots", 0),
            "watchers": counts.get("watchers", 0),
            "age_gender": {band: row for band, row in table.items() if any(row.values())},
            "mood": {
                mood: counts[f"mood/{mood}"]
                for mood in (*terms.MOODS, terms.UNKNOWN)
                if counts.get(f"mood/{mood}")
            },
            "plays_by_reason": dict(self.reasons.most_common()),
        }
