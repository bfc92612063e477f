"""How much there is, for whoever waits for something to arrive."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from kiosk.central.store.engine import make_engine
from kiosk.central.store.tables import conflicts, hours, play_batches
from kiosk.config import CentralSettings


def read_totals(central: CentralSettings) -> dict[str, int]:
    """How many hours, plays, messages and conflicts the database holds.

    All are 0 while there is no database, it has no tables yet, or it does not answer.
    """
    nothing = dict.fromkeys(("hours", "plays", "messages", "conflicts"), 0)
    if "://" not in central.database and not Path(central.database).is_file():
        return nothing
    engine = make_engine(central)
    try:
        with engine.connect() as connection:
            hour_count = connection.scalar(select(func.count()).select_from(hours)) or 0
            batches, plays = connection.execute(
                select(func.count(), func.coalesce(func.sum(play_batches.c.plays), 0))
            ).one()
            aside = connection.scalar(select(func.count()).select_from(conflicts)) or 0
    except SQLAlchemyError:
        return nothing
    finally:
        engine.dispose()
    return {
        "hours": hour_count,
        "plays": int(plays),
        "messages": hour_count + batches,
        "conflicts": aside,
    }
