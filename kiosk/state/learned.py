"""What a learner has learned, as it gives it away: weights, and nothing of any moment."""

from __future__ import annotations

from kiosk.state.store import Store


def save_learner(store: Store, name: str, model: bytes, at: str) -> None:
    """Keep a model; it replaces the one of before.

    Args:
        store: the state file.
        name: whose it is.
        model: as the learner dumps it.
        at: now, RFC 3339.
    """
    with store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO learner (name, model, at) VALUES (?, ?, ?)", [name, model, at]
        )


def read_learner(store: Store, name: str) -> bytes | None:
    """The model that was kept last; ``None`` when there is none."""
    row = store.db.execute("SELECT model FROM learner WHERE name = ?", [name]).fetchone()
    return bytes(row[0]) if row is not None else None
