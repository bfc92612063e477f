"""Why something was chosen, in words: of contracts and creatives, and of nobody in view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from kiosk.ads.campaigns.campaign import Creative
from kiosk.ads.choice.drawing import Drawn
from kiosk.ads.choice.rules import Refusal
from kiosk.ads.contracts.pacing import Standing
from kiosk.audience import Audience

MOST_CHARACTERS = 300
"""Of a paragraph: it is kept with every play."""

MOST_RULES = 5
"""Rules that a paragraph counts one by one."""

WAITING = frozenset({"exclusivity", "separation", "gap", "frequency", "pace", "turn"})
"""Rules that keep something that fits from playing just now."""


def reason_of(
    chosen: Creative,
    audience: Audience,
    candidates: Sequence[Creative],
    targeted_out: Collection[str],
    *,
    control: bool,
    behind: Standing | None,
) -> str:
    """The reason in short, so that plays can be counted by it.

    Args:
        chosen: what was drawn.
        audience: who is there; of them only what the reasons have always told.
        candidates: among which it was drawn.
        targeted_out: rules by which targeted creatives could not be drawn.
        control: it was drawn whoever is there.
        behind: how its contract stands, if that is why it came first.
    """
    if behind is not None:
        return f"contract: {behind.contract}"
    if chosen.targeted:
        return f"targeted: {chosen.targeting.label}"
    return f"rotation: {_why_rotation(audience, candidates, targeted_out, control=control)}"


def _why_rotation(
    audience: Audience,
    candidates: Sequence[Creative],
    targeted_out: Collection[str],
    *,
    control: bool,
) -> str:
    blind = _why_blind(audience)
    if blind:
        return blind
    if control:
        return "control"
    if any(one.targeted for one in candidates):
        return "drawn"
    if "variety" in targeted_out:
        return "variety"
    return "not due" if WAITING & set(targeted_out) else "no match"


def _why_blind(audience: Audience) -> str:
    if audience.state != "live":
        return f"vision {audience.state}"
    if audience.minor_possible or any(one.minor_possible for one in audience.viewers):
        return "minor possible"
    if not audience.viewers:
        return "nobody in view"
    return ""


def explain(
    out: Mapping[str, Refusal],
    candidates: Sequence[Creative],
    drawn: Drawn,
    score: float,
    because: Standing | str,
) -> str:
    """The reason as a paragraph.

    Args:
        out: what could not be drawn.
        candidates: what could.
        drawn: how one of them was drawn.
        score: the reward that was expected of it.
        because: how its contract stands, if that is why it came first; else the reason in short.
    """
    count, chosen = len(out) + len(candidates), candidates[drawn.chosen]
    told = [f"Of {count} {'creative' if count == 1 else 'creatives'} {_outs(out)}."]
    if isinstance(because, Standing):
        told.append(f"Contract {because.contract} was {because.behind:.1f} plays behind.")
    chance = drawn.propensities[drawn.chosen]
    if len(candidates) == 1:
        told.append(f"{chosen.id} was the only one left.")
    else:
        how = "by weight, as a control," if drawn.control else f"with a score of {score:.2g}"
        told.append(f"{chosen.id} was drawn {how} with probability {chance:.2g}.")
    if isinstance(because, str):
        told.append(f"In short: {because}.")
    text = " ".join(told)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _outs(out: Mapping[str, Refusal]) -> str:
    if not out:
        return "every one could play"
    counted = Counter(one.rule for one in out.values()).most_common()
    parts = [f"{count} {rule}" for rule, count in counted[:MOST_RULES]]
    if rest := sum(count for _, count in counted[MOST_RULES:]):
        parts.append(f"{rest} else")
    return f"{len(out)} {'was' if len(out) == 1 else 'were'} out ({', '.join(parts)})"
