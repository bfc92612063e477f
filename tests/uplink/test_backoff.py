"""When to try again."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config import BrokerSettings
from kiosk.uplink.backoff import Backoff, Failure, Reconnect

BROKER = BrokerSettings(backoff_min_s=1, backoff_max_s=60, auth_retry_s=300)


@given(
    shortest=st.floats(0.01, 10),
    factor=st.floats(1, 1000),
    tries=st.integers(1, 60),
    seed=st.integers(),
)
def test_every_wait_is_between_the_shortest_and_the_longest(shortest, factor, tries, seed):
    backoff = Backoff(shortest, shortest * factor, Random(seed))
    for _ in range(tries):
        assert shortest <= backoff.next_s() <= shortest * factor * (1 + 1e-9)


@given(seed=st.integers())
def test_the_reach_of_the_waits_doubles_and_a_reset_takes_it_back(seed):
    backoff = Backoff(1, 60, Random(seed))
    for most in (2, 4, 8, 16, 32, 60, 60, 60):
        assert backoff.next_s() <= most
    backoff.reset()
    assert backoff.next_s() <= 2


def test_two_devices_that_lost_the_same_broker_do_not_come_back_in_step():
    first = {round(Backoff(1, 60, Random(seed)).next_s(), 2) for seed in range(50)}
    assert len(first) > 30


def test_an_outage_is_told_once_and_the_next_outage_again():
    reconnect = Reconnect(BROKER, Random(1))
    assert [reconnect.failed(Failure.UNREACHABLE, now).tell for now in (0, 1, 2)] == [
        True,
        False,
        False,
    ]
    reconnect.connected(3)
    assert reconnect.failed(Failure.LOST, 100).tell
    assert reconnect.failed(Failure.UNREACHABLE, 101).tell


def test_a_broker_that_hangs_is_told_and_tried_by_the_ordinary_waits():
    reconnect = Reconnect(BROKER, Random(1))
    reconnect.connected(0)
    verdict = reconnect.failed(Failure.SILENT, 45)
    assert verdict.tell
    assert 1 <= verdict.wait_s <= 2


@pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.TAKEN_OVER])
def test_a_refusal_is_told_each_time_and_waits_the_whole_configured_time(failure):
    reconnect = Reconnect(BROKER, Random(1))
    for now in (0, 300, 600):
        verdict = reconnect.failed(failure, now)
        assert verdict.wait_s == 300
        assert verdict.tell


@pytest.mark.parametrize(("lasted_s", "longest_next_s"), [(59, 60), (60, 2)])
def test_only_a_session_that_lasted_takes_the_waits_back(lasted_s, longest_next_s):
    reconnect = Reconnect(BROKER, Random(3))
    for now in range(8):
        reconnect.failed(Failure.UNREACHABLE, now)
    reconnect.connected(100)
    waits = [reconnect.failed(Failure.LOST, 100 + lasted_s).wait_s]
    assert max(waits) <= longest_next_s
    assert (max(waits) > 2) == (longest_next_s == 60)


def test_sessions_that_keep_ending_early_are_told_once_as_flapping():
    reconnect, seen = Reconnect(BROKER, Random(1)), []
    for start in range(0, 1000, 100):
        reconnect.connected(start)
        seen.append(reconnect.failed(Failure.LOST, start + 1).failure)
    assert seen.count(Failure.FLAPPING) == 1
    assert seen[4] is Failure.FLAPPING
    reconnect.connected(2000)
    assert reconnect.failed(Failure.LOST, 2060).failure is Failure.LOST
