"""Commands of head office: which were begun, and what the uplink hands on to the director."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.errors import StateError
from kiosk.state.store import Store

REMEMBERED = 1000
"""Commands remembered at once. With that many still valid no more are begun, since to forget one
would be to let it be obeyed again."""


@dataclass(frozen=True)
class Order:
    """Something the director is to do, once.

    Attributes:
        name: what; of each name the latest counts.
        id: of the command that wanted it.
        until: RFC 3339 in UTC; it is not begun after this, and what lasts ends then.
    """

    name: str
    id: str
    until: str


def note_command(store: Store, command: str, until: str, now: str) -> bool:
    """Write down that a command is begun, before it is.

    Args:
        store: the state file.
        command: its id.
        until: how long to remember it, RFC 3339 in UTC; after that it has to be refused anyway.
        now: the time, by which what need not be remembered is forgotten.

    Returns:
        Whether it is to be obeyed; ``False`` when it was begun before.

    Raises:
        StateError: it cannot be written, or too many are remembered: it is not to be obeyed.
    """
    with store.transaction() as db:
        db.execute("DELETE FROM commands WHERE until < ?", [now])
        if db.execute("SELECT 1 FROM commands WHERE id = ?", [command]).fetchone():
            return False
        known = db.execute("SELECT count(*) FROM commands").fetchone()[0]
        if known >= REMEMBERED:
            raise StateError(
                f"{known} commands are valid at once",
                hint="give commands that are valid for a shorter time, or fewer of them",
            )
        db.execute("INSERT INTO commands (id, until) VALUES (?, ?)", [command, until])
    return True


def place_order(store: Store, order: Order) -> None:
    """Leave an order for the director; it replaces one of the same name."""
    with store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO orders (name, id, until) VALUES (?, ?, ?)",
            [order.name, order.id, order.until],
        )


def pending_orders(store: Store) -> list[Order]:
    """What waits for the director."""
    return [Order(*row) for row in store.db.execute("SELECT name, id, until FROM orders")]


def forget_order(store: Store, order: Order) -> None:
    """It is done; one of the same name that came meanwhile stays."""
    with store.transaction() as db:
        db.execute("DELETE FROM orders WHERE name = ? AND id = ?", [order.name, order.id])
