"""A report for a reader."""

from __future__ import annotations

from kiosk.planning.report import TAIL_DAYS, Report, Weighed

UNITS = {"s": "s", "plays": "plays", "impressions": "impr."}

NAMES = {
    "learner": "learner, as configured",
    "rotation": "rotation: untargeted, by weight",
    "rules": "rules: the most specific, by weight",
    "best": "best fixed policy: knows all tastes",
    "linucb": "LinUCB (mabwiser)",
    "thompson": "Thompson, linear (mabwiser)",
}


def as_text(report: Report) -> str:
    """The report as a page for the terminal."""
    days = len(report.learner.days)
    tail = min(TAIL_DAYS, days)
    plays = sum(one.plays for one in report.learner.days)
    watched = sum(one.watched for one in report.learner.days)
    lines = [
        f"{report.campaign}: {days} days from {report.first}, seed {report.seed}: {plays} plays,"
        f" {watched} of them with somebody in view",
        "",
        "contract               due         got     off by   from the even line: mean, most",
        *(
            f"  {one.contract:18} {one.due:9.0f} {one.got:9.0f} {UNITS[one.unit]:5}"
            f" {one.error:+7.2%} {one.off_line:9.1f}, {one.most_off_line:.1f} {UNITS[one.unit]}"
            f" ({one.pacing_error:.2%} of a day)"
            for one in report.learner.contracts
        ),
        "",
        "attention, viewers' seconds (expected)     all days   of best"
        f"   last {tail} days   of best",
        *(
            f"  {NAMES[name]:38} {report.attention(name):10.0f} {share(report, name, None):8.1%}"
            f" {report.attention(name, tail):12.0f} {share(report, name, tail):10.1%}"
            for name in report.runs
        ),
        "",
        f"learner over rotation {report.against('rotation'):+.1%} (worst day"
        f" {report.worst_day('rotation'):+.1%}), over rules {report.against('rules'):+.1%};"
        f" regret {report.attention('best') - report.attention('learner'):.0f} s",
        "",
        "off-policy estimates from the learner's log, attention a second, 95 % intervals",
        *(
            line
            for target, found in report.ope.items()
            for name, one in found.items()
            for line in (_estimate(target, name, one),)
        ),
        "",
        f"took {report.took_s:.0f} s",
    ]
    return "\n".join(lines)


def share(report: Report, name: str, days: int | None) -> float:
    """A policy's share of the best one's attention."""
    return next(report.share_of_best(one, days) for one in report.runs if one == name)


def _estimate(target: str, name: str, one: Weighed) -> str:
    inside = "covers" if one.low <= one.truth <= one.high else "misses"
    return (
        f"  {target:10} {name:6} {one.value:.4f}  [{one.low:.4f}, {one.high:.4f}]  {inside} the"
        f" truth {one.truth:.4f}"
    )
