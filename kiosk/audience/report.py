"""The privacy guarantee of a configuration, in words and figures.

Comes in: the settings of privacy and the ledger of what was published. Goes out: one document, to
be printed or to be read by a program.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kiosk.audience.budget import TableBudget, plan_budget, standard_deviation
from kiosk.config import Settings
from kiosk.state import LedgerRow
from kiosk.wire import TableName

HOURS = {"hour": 1, "day": 24, "week": 168}
"""Closed hours are published and carry noise too, so a day is all of it."""

WIDTH = 96
NEWEST = 24

SUSPICION = 0.1
VISITS = 5

UNITS = {
    "dwell": "seconds",
    "attention": "seconds",
    "impressions": "impressions",
    "impressions_age_gender": "impressions",
}

SUMS: tuple[tuple[str, TableName, int | None, str], ...] = (
    ("ots", "visits", 2, "OTS, the sum of both cells of visits"),
    ("watchers", "visits", 1, "watchers, one cell of visits"),
    ("age_gender", "age_gender", None, "everybody by age and gender, all cells summed"),
    ("impressions", "impressions", 1, "all impressions"),
    ("creative_ots", "creative_visits", 2, "OTS of one creative"),
    ("creative_watchers", "creative_visits", 1, "watchers of one creative"),
)
"""Figures that people read: name, table, cells (``None``: all) and what it is."""

OUTSIDE = {
    "proof_of_play": "Proof of play and the exact number of plays. What was chosen says something"
    " about who stood there: a targeted creative plays because somebody fitted it.",
    "other_passes": "What one person's presence changes in the passes of others: the size of the"
    " group they were seen in, and the creative that was chosen while they stood there.",
    "notice": "notice_s, the seconds in which the notice was on the screen.",
    "device": "Status and health of the device, and the times at which it connects. They tell of"
    " the device, not of passes.",
    "screen": "What stands on the screen: whoever looks at it sees what was chosen just now.",
    "local": "The operator's page and `kiosk stats`, which show exact counts of open"
    " hours, on this device only.",
    "state_file": "state.db on the device: the exact counts of hours that are not published yet,"
    " and the reason of each choice for some days. They are deleted, not sent.",
    "several_devices": "Cameras that see the same person: each counts a pass and each spends"
    " epsilon. Who runs several devices and switches the noise of one off reads on it what the"
    " others hide: a trial without noise is for a place of its own.",
}


def privacy_report(settings: Settings, ledger: Sequence[LedgerRow]) -> dict[str, Any]:
    """The guarantee of a configuration, as JSON-ready values.

    Args:
        settings: what is estimated, what of it is published, and how blurred.
        ledger: every release so far, oldest first.

    Raises:
        NoiseError: a table's share of epsilon is too small for any noise.
    """
    privacy = settings.privacy
    budgets = plan_budget(privacy)
    noised = privacy.noise != "off"
    return {
        "policy": {
            "name": privacy.policy,
            "estimates": list(settings.seeing.attributes.estimate or ()),
            "publishes_mood": privacy.publishes_mood,
        },
        "unit": "pass",
        "noise": privacy.noise,
        "guarantee": noised,
        "epsilon": privacy.epsilon if noised else None,
        "odds_factor": math.exp(privacy.epsilon) if noised else None,
        "tables": [_table(one, noised=noised) for one in budgets.values()],
        "sums": [
            {
                "name": name,
                "what": what,
                "cells": cells or budget.cells,
                **_errors(budget, cells or budget.cells),
            }
            for name, table, cells, what in SUMS
            if noised and (budget := budgets[table]).published
        ],
        "clamps": {
            "dwell_clamp_s": privacy.dwell_clamp_s,
            "attention_clamp_s": privacy.attention_clamp_s,
            "impressions_clamp": privacy.impressions_clamp,
        },
        "ledger": _ledger(ledger),
        "outside": dict(OUTSIDE),
        "words": _words(settings),
    }


def report_text(report: dict[str, Any]) -> str:
    """The document of :func:`privacy_report`, for a person."""
    words = report["words"]
    lines: list[str] = []
    for heading, names in (
        ("What is estimated", ("policy",)),
        ("The guarantee", ("guarantee", "meaning", "example")),
        ("One pass, not one person", ("unit", "composition")),
    ):
        lines += _section(heading, [words[name] for name in names if name in words])
    lines += _section("What is published", [words["tables"], words["clamps"]])
    lines += ["", *_figures(report)]
    lines += _section("What was published", [])
    lines += _releases(report["ledger"])
    lines += _section("Outside the guarantee", [])
    for text in report["outside"].values():
        lines += textwrap.wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines[1:])


def _table(budget: TableBudget, *, noised: bool) -> dict[str, Any]:
    blurred = noised and budget.published
    return {
        "name": budget.name,
        "published": budget.published,
        "unit": UNITS.get(budget.name.removeprefix("creative_"), "passes"),
        "cells": budget.cells,
        "sensitivity": budget.sensitivity,
        "reason": budget.reason,
        "epsilon": budget.epsilon if blurred else None,
        "scale": budget.scale if blurred else None,
        **(_errors(budget, 1) if blurred else {f"sd_{period}": None for period in HOURS}),
    }


def _errors(budget: TableBudget, cells: int) -> dict[str, float]:
    """Standard deviations of a sum of cells, over each period: independent draws add up."""
    sd = standard_deviation(budget.scale)
    return {f"sd_{period}": sd * math.sqrt(cells * hours) for period, hours in HOURS.items()}


def _ledger(rows: Sequence[LedgerRow]) -> dict[str, Any]:
    kinds = Counter((row.noise, row.epsilon) for row in rows)
    return {
        "releases": len(rows),
        "first": rows[0].at if rows else None,
        "last": rows[-1].at if rows else None,
        "epsilon_per_release": [
            {"noise": noise, "epsilon": epsilon, "releases": number}
            for (noise, epsilon), number in kinds.items()
        ],
        "rows": [
            {
                "hour": row.key,
                "seq": row.seq,
                "noise": row.noise,
                "epsilon": row.epsilon,
                "at": row.at,
            }
            for row in rows
        ],
    }


def _words(settings: Settings) -> dict[str, str]:
    privacy = settings.privacy
    estimates = ", ".join(settings.seeing.attributes.estimate or ())
    moods = "are" if privacy.publishes_mood else "are not"
    words = {
        "policy": f"Policy {privacy.policy}: faces are counted, and of each one is estimated:"
        f" {estimates or 'nothing'}. Moods {moods} published.",
        "unit": "Counted is the pass: one stay of one face in the camera's view. It is NOT one"
        " person: nobody is recognised again, so somebody who comes back is a new pass.",
        "tables": "Counts leave the device by the hour, every cell of every published table, zeros"
        " too. The number of plays is exact.",
        "clamps": f"Of one pass at most {privacy.dwell_clamp_s} seconds in view,"
        f" {privacy.attention_clamp_s} seconds facing the screen and"
        f" {privacy.impressions_clamp} impressions are counted; whatever is above is cut, so sums"
        " are too low where people stay longer.",
    }
    return words | (_noised_words(privacy.epsilon) if privacy.noise != "off" else _bare_words())


def _bare_words() -> dict[str, str]:
    return {
        "guarantee": "There is NO guarantee: noise is off. Counts are published exactly as they"
        " were taken; in a quiet hour a count of one is one person, with whatever is estimated of"
        " them. This is for a private trial only, and every payload is marked with it.",
    }


def _noised_words(epsilon: float) -> dict[str, str]:
    factor = math.exp(epsilon)
    high, low = _belief(factor), _belief(1 / factor)
    return {
        "guarantee": f"Every published count carries random noise, so that no pass changes by more"
        f" than a fixed factor what can be concluded from it (differential privacy, epsilon ="
        f" {epsilon:g} per pass, for all tables together).",
        "meaning": f"Whatever is published, it is at most {factor:.3g} times (e^{epsilon:g})"
        " likelier or less likely to look as it does than if that pass had never been counted."
        " That holds whatever else a reader knows, and whatever computer they have.",
        "example": f"In plain numbers: who thinks beforehand, with {_percent(SUSPICION)}"
        " probability, that a certain pass was there, may afterwards think so with"
        f" {_percent(high)} at most and {_percent(low)} at least. Who knows that it was there, and"
        " asks only what it was like (a woman or a man), learns at most a"
        f" factor of {math.exp(2 * epsilon):.3g} of the odds (e^{2 * epsilon:g}): one description"
        " is taken away and another put in its place.",
        "composition": "The guarantee is for one pass, with all that is counted of it. Every pass"
        " stands in exactly one hour, so all hours of this device together tell of it no more than"
        " its own does (parallel composition). k passes of one person spend k times epsilon: of"
        f" {VISITS} passes the factor is {math.exp(VISITS * epsilon):.3g}"
        f" (e^{VISITS * epsilon:g}), which protects little. An hour's noise is drawn once: the"
        " ledger below has each release, and a repeated delivery sends the same bytes.",
        "errors": "The noise is discrete Laplace: positive or negative, without bias, so a count"
        " may be below zero, and cells do not add up. Its standard deviation is given; 19 of"
        " 20 draws are within about 2.1 times that. A day is 24 hours and a week 168: closed"
        " hours are published with noise too.",
    }


def _belief(factor: float) -> float:
    odds = SUSPICION / (1 - SUSPICION) * factor
    return odds / (1 + odds)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _section(heading: str, paragraphs: Sequence[str]) -> list[str]:
    lines = ["", heading]
    for paragraph in paragraphs:
        lines += _wrapped(paragraph)
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _figures(report: dict[str, Any]) -> Iterator[str]:
    published = [table for table in report["tables"] if table["published"]]
    hidden = [table["name"] for table in report["tables"] if not table["published"]]
    if not report["guarantee"]:
        names = ", ".join(table["name"] for table in published)
        yield from _wrapped(f"Published as they are: {names}")
    else:
        yield from _wrapped(report["words"]["errors"])
        yield ""
        yield f"  {'one cell of':22} {'most of a pass':>16} {'epsilon':>9} {'scale':>8}" + "".join(
            f" {'sd, ' + period:>9}" for period in HOURS
        )
        for table in published:
            most = f"{table['sensitivity']} {table['unit']}"
            yield f"  {table['name']:22} {most:>16} {table['epsilon']:9.4f}" + _columns(
                table, ("scale", "sd_hour", "sd_day", "sd_week")
            )
        yield ""
        for total in report["sums"]:
            yield f"  {total['what']:57}" + _columns(total, ("sd_hour", "sd_day", "sd_week"))
    if hidden:
        yield ""
        yield from _wrapped("Not published: " + ", ".join(hidden))


def _columns(figures: dict[str, Any], names: Sequence[str]) -> str:
    return "".join(f" {figures[name]:{8 if name == 'scale' else 9}.1f}" for name in names)


def _releases(ledger: dict[str, Any]) -> Iterator[str]:
    if not ledger["releases"]:
        yield "  Nothing was published yet."
        return
    yield f"  {ledger['releases']} releases from {ledger['first']} to {ledger['last']}"
    for kind in ledger["epsilon_per_release"]:
        if kind["noise"] == "off":
            yield f"  {kind['releases']} of them WITHOUT noise: of those there is no guarantee"
        else:
            yield f"  {kind['releases']} of them with {kind['noise']}, epsilon {kind['epsilon']:g}"
    yield ""
    yield f"  {'hour':28} {'number':>8}  {'noise':18} {'epsilon':>8}  published"
    for row in ledger["rows"][: -NEWEST - 1 : -1]:
        number = "-" if row["seq"] is None else row["seq"]
        epsilon = "-" if row["epsilon"] is None else f"{row['epsilon']:g}"
        yield f"  {row['hour']:28} {number:>8}  {row['noise']:18} {epsilon:>8}  {row['at']}"
    if ledger["releases"] > NEWEST:
        yield f"  and {ledger['releases'] - NEWEST} before them; --json lists all"
