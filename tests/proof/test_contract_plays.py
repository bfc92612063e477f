"""Plays counted by contract."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.proof import (
    MOST_CONTRACTS,
    TooManyContractsError,
    contracts_text,
    count_contracts,
)
from kiosk.wire import PlayProof

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def play(contract: str | None, number: int = 0, **other: object) -> PlayProof:
    return PlayProof.model_validate(
        {
            "play_id": f"{contract}-{number}",
            "creative": "tea",
            "campaign": "spring",
            "contract": contract,
            "start": NOON + timedelta(seconds=number),
            "duration_s": 8.25,
            "completed": True,
            "presented": True,
        }
        | other
    )


def test_only_what_was_presented_to_its_end_is_a_play():
    [one] = count_contracts(
        [
            ("demo", play("tea", 2)),
            ("demo", play("tea", 1, completed=False, duration_s=2.5)),
            ("demo", play("tea", 0, presented=False)),
            ("demo", play("tea", 3, presented=False, completed=False)),
        ]
    )
    assert (one.plays, one.broken_off, one.unseen, one.shown_s) == (1, 1, 2, 10.75)
    assert (one.first, one.last) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=2))


def test_a_contract_is_one_of_a_campaign_of_a_tenant_and_house_content_is_none():
    plays = [
        ("demo", play("tea")),
        ("other", play("tea")),
        ("demo", play("tea", campaign="autumn")),
        ("demo", play(None)),
        ("demo", play("tea", 1)),
    ]
    told = [(one.tenant, one.campaign, one.contract, one.plays) for one in count_contracts(plays)]
    assert told == [
        ("demo", "autumn", "tea", 1),
        ("demo", "spring", None, 1),
        ("demo", "spring", "tea", 2),
        ("other", "spring", "tea", 1),
    ]
    assert count_contracts(plays[::-1]) == count_contracts(plays)


def test_a_liar_with_endless_contracts_is_refused_rather_than_kept_in_memory():
    given = (("demo", play(f"c{number}")) for number in range(2 * MOST_CONTRACTS))
    with pytest.raises(TooManyContractsError, match="more than 10000 contracts"):
        count_contracts(given)
    assert next(given)[1].contract == f"c{MOST_CONTRACTS + 1}"


def test_a_spreadsheet_takes_no_contract_for_a_formula():
    text = "".join(contracts_text(count_contracts([("demo", play("=cmd")), ("demo", play(None))])))
    house, sold = csv.DictReader(io.StringIO(text, newline=""))
    assert sold["contract"] == "'=cmd"
    assert (house["contract"], house["first"]) == ("", "2026-11-18T12:00:00Z")
