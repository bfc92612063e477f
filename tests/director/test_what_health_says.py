"""What the director says of itself for the health message: of the camera, and of no person."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from kiosk.audience import Audience
from kiosk.config import Settings
from kiosk.director.snapshot import Facts, Snapshot
from kiosk.vision import VisionRecord
from kiosk.wire import VisionHealth
from tests.fakes import NOON, record, viewer

STAFF = {
    "device": {"timezone": "UTC"},
    "audience": {"staff_hours": [{"days": ["wed"], "begin": "11:00", "end": "13:00"}]},
}


def said(one: VisionRecord | None, now: datetime = NOON, **sections) -> dict:
    snapshot = Snapshot(
        settings=Settings.model_validate(sections),
        now=now,
        audience=Audience("live", 0.0),
        record=one,
        play=None,
        elapsed_s=0.0,
        presented=False,
        screens=1,
        counting=None,
        facts=Facts(),
        reasons=Counter(),
        peak_fps=24.0,
        notice_shown=True,
    )
    return snapshot.health(stopped=False)


@pytest.mark.parametrize("dark", [True, False])
def test_black_pictures_are_told_as_vision_sees_them(dark):
    health = said(replace(record(1.0), dark=dark))
    assert VisionHealth.model_validate(health["vision"]).dark is dark


def test_without_a_record_nothing_is_called_black():
    assert VisionHealth.model_validate(said(None)["vision"]).dark is False


@pytest.mark.parametrize(("hour", "rests"), [(10, False), (12, True), (14, False)])
def test_a_rest_that_is_wanted_is_told(hour, rests):
    assert said(None, NOON.replace(hour=hour), **STAFF)["resting"] is rests


def test_who_stands_there_changes_nothing_of_it():
    assert said(record(1.0)) == said(record(1.0, viewer("a"), viewer("b", gender="male")))
