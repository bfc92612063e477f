"""The one place that every published count goes through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kiosk.audience.budget import (
    CREATIVE,
    TABLES,
    TableBudget,
    is_of_creatives,
    plan_budget,
)
from kiosk.audience.counts import tables_of
from kiosk.audience.noise import CHILD, TIMEOUT_S, draw_noise, saturated
from kiosk.config import Policy, PrivacySettings
from kiosk.wire import Between, Clamps, Hours, HourTables, Noise, TableName

FIELDS = {"dwell": "dwell_s", "attention": "attention_s"}
"""The payload's key of a table, where it is not the table's name."""

KINDS = [name for name in TABLES if not is_of_creatives(name) and name != "visits"]
"""Tables that may be left out, of the hour and of each creative."""

Block = dict[str, Any]
"""The tables of the hour or of one creative, as the payload nests them."""


@dataclass(frozen=True)
class Release:
    """An hour's tables as they are published.

    Attributes:
        tables: with their noise, null where a table is not published.
        noise: what was done to them.
        clamps: the most that a pass adds to their sums.
    """

    tables: HourTables
    noise: Literal["off"] | Noise
    clamps: Clamps


def draw_release(
    counts: Mapping[str, int],
    settings: PrivacySettings,
    *,
    command: Sequence[str] = CHILD,
    timeout_s: float = TIMEOUT_S,
) -> Release:
    """Draw an hour's noise, once; blocks for up to a second, and may be called in a thread.

    Every cell of every published table gets noise of its own, zeros too. Nothing is repaired
    afterwards: a table's cells do not add up to OTS, and any of them may be below zero. Central
    deals with that when it shows them, where it costs no truth.

    Args:
        counts: of the hour, by cell; every creative of the campaign stands in them.
        settings: which tables are published, and how blurred.
        command: the child that draws.
        timeout_s: patience with it, in seconds.

    Raises:
        NoiseError: the noise could not be drawn; nothing may be published then.
    """
    budgets = {name: one for name, one in plan_budget(settings).items() if one.published}
    exact = _published(tables_of(counts, settings.age_bands), budgets)
    clamps = Clamps(
        dwell_s=settings.dwell_clamp_s,
        attention_s=settings.attention_clamp_s,
        impressions=settings.impressions_clamp,
    )
    if settings.noise == "off":
        return Release(HourTables.model_validate(exact), "off", clamps)
    cells = {name: list(_cells(name, exact)) for name in budgets}
    noised = draw_noise(cells, budgets, settings.epsilon, command=command, timeout_s=timeout_s)
    for name, values in noised.items():
        _fill(name, exact, iter(values))
    return Release(
        HourTables.model_validate(exact),
        Noise(
            epsilon=settings.epsilon,
            scales={name: one.scale for name, one in budgets.items()},
        ),
        clamps,
    )


def hours_payload(
    release: Release,
    hour: datetime | None,
    between: Between | None,
    *,
    policy: Policy,
    notice_s: int,
    epoch: str,
    seq: int,
) -> bytes:
    """The published bytes of an hour, made once and kept: a retry sends the same ones."""
    return Hours(
        seq=seq,
        epoch=epoch,
        hour=hour,
        between=between,
        policy=policy,
        noise=release.noise,
        clamps=release.clamps,
        notice_s=notice_s,
        tables=release.tables,
    ).encode()


def _published(tables: HourTables, budgets: Mapping[TableName, TableBudget]) -> Block:
    """The exact tables, without what is not published."""
    hour = tables.model_dump()
    if "creative_visits" not in budgets:
        hour["creatives"] = {}
    for prefix, blocks in (("", [hour]), (CREATIVE, hour["creatives"].values())):
        for kind in KINDS:
            key = FIELDS.get(kind, kind)
            for block in blocks:
                if key in block and prefix + kind not in budgets:
                    block[key] = None
    return hour


def _blocks(name: TableName, hour: Block) -> list[Block]:
    return list(hour["creatives"].values()) if is_of_creatives(name) else [hour]


def _cells(name: TableName, hour: Block) -> Iterator[int]:
    kind = name.removeprefix(CREATIVE)
    for block in _blocks(name, hour):
        if kind == "visits":
            # As a partition one pass changes one of them; as published it would change both.
            yield block["ots"] - block["watchers"]
            yield block["watchers"]
        else:
            yield from _numbers(block[FIELDS.get(kind, kind)])


def _fill(name: TableName, hour: Block, values: Iterator[int]) -> None:
    """Put ``values`` in the places from which :func:`_cells` took its own."""
    kind = name.removeprefix(CREATIVE)
    for block in _blocks(name, hour):
        if kind == "visits":
            saw_only, block["watchers"] = next(values), next(values)
            block["ots"] = saturated(saw_only + block["watchers"])
        else:
            key = FIELDS.get(kind, kind)
            block[key] = _refilled(block[key], values)


def _numbers(table: int | dict[str, Any]) -> Iterator[int]:
    if isinstance(table, int):
        yield table
    else:
        for part in table.values():
            yield from _numbers(part)


def _refilled(table: int | dict[str, Any], values: Iterator[int]) -> int | dict[str, Any]:
    if isinstance(table, int):
        return next(values)
    return {key: _refilled(part, values) for key, part in table.items()}
