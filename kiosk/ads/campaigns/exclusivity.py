"""Who has the screen, or a category, for itself."""

from __future__ import annotations

from collections.abc import Iterable

from kiosk.ads.campaigns.campaign import Contract


def shut_out_by(contract: Contract, live: Iterable[Contract]) -> Contract | None:
    """Whose exclusivity keeps a contract from playing.

    A claim to the screen stands above one to a category: else two of them could shut each other
    out, and with them everybody. Of two that claim the same the higher priority has it, then the
    first one.

    Args:
        contract: may be one of those that are live.
        live: contracts with something that may play now, in the file's order.
    """
    claims = [
        one
        for one in live
        if one.exclusive == "screen"
        or (one.exclusive == "category" and one.category == contract.category)
    ]
    if not claims:
        return None
    holder = min(claims, key=lambda one: (one.exclusive != "screen", -one.priority))
    return holder if holder.id != contract.id else None
