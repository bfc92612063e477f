"""Orders of head office, which the uplink leaves in the state file: there is no other way here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from kiosk.clock import Clock
from kiosk.director.journal import Journal
from kiosk.errors import StateError
from kiosk.state import Order, forget_order, pending_orders

log = logging.getLogger(__name__)


async def obey_orders(
    journal: Journal, clock: Clock, identify: Callable[[float], None]
) -> frozenset[str]:
    """Do what is ordered.

    An order is done before it is forgotten: twice rather than never, which is harmless to each.

    Args:
        journal: the state file.
        clock: the time.
        identify: has the screens say which one they are, for so many seconds.

    Returns:
        The names of those that were in time.
    """
    try:
        orders = await journal.read(pending_orders)
    except StateError as bad:
        log.debug("event=state_unreadable reason=%s", bad)
        return frozenset()
    names = set()
    for order in orders:
        left_s = _seconds_left(order, clock.utc())
        if left_s > 0:
            names.add(order.name)
            log.info("event=order name=%s id=%s", order.name, order.id)
            if order.name == "identify":
                identify(left_s)
        journal.write(partial(forget_order, order=order), f"order {order.name}")
    return frozenset(names)


def _seconds_left(order: Order, now: datetime) -> float:
    try:
        return (datetime.fromisoformat(order.until) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
