"""What each contract was given, counted from its plays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kiosk.proof.rows import Proof

MOST_CONTRACTS = 10_000
"""Of one count; head office takes any text for a contract from a device with a certificate."""


class TooManyContractsError(Exception):
    """There are more than :data:`MOST_CONTRACTS`."""


@dataclass(frozen=True)
class ContractPlays:
    """What was shown for a contract.

    Attributes:
        tenant: whose screens.
        campaign: name of the campaign file.
        contract: its id there; none: house content, or not known.
        plays: that a screen presented and that ended as they should.
        broken_off: that a screen presented, and that ended too early.
        unseen: that no screen confirmed; they prove nothing.
        shown_s: seconds on screen of the presented ones, broken off or not.
        first: when the first presented one began, UTC; none: there is none.
        last: when the last one began.
    """

    tenant: str
    campaign: str
    contract: str | None
    plays: int = 0
    broken_off: int = 0
    unseen: int = 0
    shown_s: float = 0.0
    first: datetime | None = None
    last: datetime | None = None


def count_contracts(plays: Iterable[tuple[str, Proof]]) -> list[ContractPlays]:
    """Count plays by tenant, campaign and contract, in this order; house content comes first.

    Args:
        plays: each with its tenant, in any order; each once.

    Raises:
        TooManyContractsError: more than :data:`MOST_CONTRACTS`.
    """
    found: dict[tuple[str, str, str], ContractPlays] = {}
    for tenant, play in plays:
        key = (tenant, play.campaign, play.contract or "")
        before = found.get(key)
        if before is None:
            if len(found) >= MOST_CONTRACTS:
                raise TooManyContractsError(f"more than {MOST_CONTRACTS} contracts")
            before = ContractPlays(tenant, play.campaign, play.contract)
        found[key] = _with(before, play)
    return [replace(one, shown_s=round(one.shown_s, 3)) for _, one in sorted(found.items())]


def _with(count: ContractPlays, play: Proof) -> ContractPlays:
    if not play.presented:
        return replace(count, unseen=count.unseen + 1)
    start = play.start.astimezone(UTC)
    return replace(
        count,
        plays=count.plays + play.completed,
        broken_off=count.broken_off + (not play.completed),
        shown_s=count.shown_s + play.duration_s,
        first=min(count.first or start, start),
        last=max(count.last or start, start),
    )
