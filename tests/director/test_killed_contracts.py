"""Contracts of a director that is killed: each play counts for its contract once, or not at all."""

from __future__ import annotations

import json
import random
import signal
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.director.shop import look, outbox
from tests.director.test_process import Director
from tests.mosquitto import wait_for

PLAY_S = 0.6
LIVES = 3

CONTRACTS = """version: 1
name: spring
contracts:
  - {id: often, advertiser: brewer, goal: {plays_per_hour: 2400}}
  - {id: voice, advertiser: baker, goal: {share_of_voice: 0.3}}
creatives:
  - {id: house, kind: image, file: tea.svg, duration_s: 0.6}
  - {id: by-often, kind: image, file: tea.svg, duration_s: 0.6, contract: often}
  - {id: by-voice, kind: image, file: tea.svg, duration_s: 0.6, contract: voice}
"""


class Page(threading.Thread):
    """A screen's page that shows whatever it is asked to, one after the other, and says so."""

    def __init__(self, director: Director) -> None:
        super().__init__(daemon=True)
        self._director = director
        self.shown = 0

    def run(self) -> None:
        while self._director.process.poll() is None:
            try:
                with connect(f"ws://127.0.0.1:{self._director.port}/screen/ws") as page:
                    self._show(page)
            except (ConnectionClosed, OSError):
                time.sleep(0.05)

    def _show(self, page: ClientConnection) -> None:
        on_screen, since_s = None, 0.0
        while True:
            message = json.loads(page.recv())
            if message["type"] != "prepare":
                continue
            if on_screen is not None:
                time.sleep(max(0.0, since_s + PLAY_S - time.monotonic()))
                page.send(json.dumps({"type": "ended", "play_id": on_screen, "shown_s": PLAY_S}))
                self.shown += 1
            on_screen, since_s = message["play_id"], time.monotonic()
            page.send(json.dumps({"type": "started", "play_id": on_screen}))


def test_a_director_that_is_killed_counts_no_play_of_a_contract_twice(tmp_path):
    draw, shown = random.Random(8), 0
    campaign = tmp_path / "contracts.yaml"
    campaign.write_text(CONTRACTS)
    for life in range(LIVES):
        director = Director(tmp_path, ads={"campaign": campaign})
        page = Page(director)
        page.start()
        wait_for(lambda p=page: p.shown >= 2, "a screen has shown two plays")
        time.sleep(draw.uniform(0, 2 * PLAY_S))
        director.end(signal.SIGKILL if life < LIVES - 1 else signal.SIGTERM)
        page.join(5)
        shown += page.shown
    plays = look(
        tmp_path,
        "SELECT contract, sum(completed), sum(duration_s) FROM plays WHERE presented = 1"
        " AND contract IS NOT NULL GROUP BY contract",
    )
    given = look(
        tmp_path, "SELECT contract, sum(plays), sum(shown_s) FROM deliveries GROUP BY contract"
    )
    assert [row[:2] for row in given] == [row[:2] for row in plays]
    assert [row[2] for row in given] == pytest.approx([row[2] for row in plays], abs=0.01)
    assert sum(row[1] for row in given) >= LIVES
    [(live_s,)] = look(tmp_path, "SELECT sum(live_s) FROM deliveries WHERE contract = 'voice'")
    [(all_s, completed)] = look(
        tmp_path, "SELECT sum(duration_s), sum(completed) FROM plays WHERE presented = 1"
    )
    assert live_s == pytest.approx(all_s, abs=0.05)
    assert abs(completed - shown) <= LIVES, "none but what was on screen at the end is lost"
    cut = "SELECT count(*) FROM plays WHERE presented = 1 AND completed = 0 AND duration_s = 0"
    assert look(tmp_path, cut)[0][0] >= 1, "a play was on screen when it was killed"
    sent = [play for batch in outbox(tmp_path, "plays") for play in batch["plays"]]
    assert len(sent) == len({play["play_id"] for play in sent})
    assert sum(one["completed"] and one["presented"] for one in sent) == completed
