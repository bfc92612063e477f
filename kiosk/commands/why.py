"""`kiosk why`: why something played, for whoever wonders before the screen."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional
from zoneinfo import ZoneInfo

import click

from kiosk.commands.options import settings_of, with_settings
from kiosk.errors import BadInputError

if TYPE_CHECKING:
    from kiosk.state import ChosenPlay

MOST_LISTED = 1000


@click.command()
@click.argument("play", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, or one a line with --list.")
@click.option(
    "--list", "count", type=click.IntRange(1, MOST_LISTED), metavar="N", help="The last N plays."
)
@with_settings
def why(
    config: Optional[Path],
    overrides: tuple[str, ...],
    play: str,
    as_json: bool,
    count: Optional[int],
) -> None:
    """Why something played: what else there was, what ruled it out, and by which chance.

    PLAY is the id of a play, or its beginning; left out, it is the newest play. Creative by
    creative it is kept for the newest plays only; the paragraph as long as the play.

    Example: kiosk why --list 5
    """
    from kiosk.state import read_chosen

    settings = settings_of(config, overrides)
    path, zone = settings.state.path, ZoneInfo(settings.device.timezone)
    found = read_chosen(path, count or 2, play)
    if not found:
        _complain(path, play)
    if count is not None:
        for one in found:
            click.echo(json.dumps(_as_dict(one)) if as_json else _line(one, zone))
        return
    if play and len(found) > 1 and found[0].play_id != play:
        ids = ", ".join(one.play_id for one in found)
        raise BadInputError(f"{play}: several plays begin so: {ids} ...", hint="give more of it")
    click.echo(json.dumps(_as_dict(found[0])) if as_json else _told(found[0], zone))


def _complain(path: Path, play: str) -> None:
    if not play:
        raise BadInputError(
            f"{path}: nothing has played yet",
            hint="`systemctl start kiosk.target` starts it on a device, `kiosk demo` at a desk",
        )
    raise BadInputError(
        f"{play}: no play of that id is kept here",
        hint="`kiosk why --list 10` shows the newest; older ones go after player.keep_plays_days",
    )


def _as_dict(one: ChosenPlay) -> dict[str, Any]:
    return {**asdict(one), "decision": json.loads(one.decision) if one.decision else None}


def _line(one: ChosenPlay, zone: ZoneInfo) -> str:
    return f"{one.play_id}  {_at(one, zone)}  {one.creative:<24} {one.reason}"


def _told(one: ChosenPlay, zone: ZoneInfo) -> str:
    lines = [
        f"{one.creative}, {_at(one, zone)}, of campaign {one.campaign}"
        + (f", for contract {one.contract}" if one.contract else "")
        + f" (play {one.play_id})",
        _shown(one),
        "",
        one.explanation,
    ]
    if one.control:
        lines.append("It is one of the control share: it was drawn whoever was there.")
    return "\n".join([*lines, "", *_table(one)])


def _shown(one: ChosenPlay) -> str:
    where = "on a screen" if one.presented else "without a screen"
    shown = "still" if one.duration_s is None else f"for {one.duration_s:.1f} s"
    faced = "" if one.attention_s is None else f", faced for {one.attention_s:.0f} s in all"
    return f"{_reason(one)}; {shown} {where}{faced}"


def _reason(one: ChosenPlay) -> str:
    return one.reason if one.propensity is None else f"{one.reason} (p {one.propensity:.3f})"


def _table(one: ChosenPlay) -> list[str]:
    from kiosk.ads import RULES

    if one.decision is None:
        return ["What was weighed creative by creative is not kept of this play."]
    decision = json.loads(one.decision)
    lines = [f"{'creative':<24} {'score':>7} {'p':>6}  rule"]
    for row in decision["in"]:
        mark = "<- this one" if row["id"] == one.creative else ""
        lines.append(f"{row['id']:<24} {_number(row['score'])} {row['p']:>6.3f}  {mark}".rstrip())
    for rule, names in decision["out"].items():
        lines += [f"{name:<24} {'-':>7} {'-':>6}  {rule}: {RULES.get(rule, '')}" for name in names]
    if decision.get("more"):
        lines.append(f"and {decision['more']} more")
    return lines


def _number(value: Optional[float]) -> str:
    # A sum with 0 has no sign of its own when it is 0.
    return f"{'-':>7}" if value is None else f"{round(value, 3) + 0.0:>7.3f}"


def _at(one: ChosenPlay, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(one.started).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
