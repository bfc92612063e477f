"""Tables of the state file, as versioned migrations, and which versions may use a file.

A release that is rolled back leaves a file that a newer one has migrated. So each migration says
whether a version that has never heard of it may go on: the file itself carries the answer, for
the version that asks is the older one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from kiosk.errors import NewerStateError
from kiosk.state.tables import Database, Migrations

MIGRATIONS = Migrations("kiosk-state")

Step = Callable[[Database], None]

_needs: dict[str, str] = {}
"""Of each migration that this version knows, in order: the one that a version has to know at least
in order to use a file that has seen it."""


def breaking(step: Step) -> Step:
    """Add a migration after which only versions that know it may use the file."""
    return _add(step, step.__name__)


def additive(step: Step) -> Step:
    """Add a migration that older versions need not know.

    It only makes tables, indices, and columns that may be empty or have a default: what an older
    version writes meanwhile lacks them, and what it reads means what it meant.
    """
    return _add(step, next(reversed(_needs.values())))


def _add(step: Step, needs: str) -> Step:
    _needs[step.__name__] = needs
    MIGRATIONS()(step)
    return step


def migrate(db: Database) -> None:
    """Bring a file up to date, within a transaction, and say in it who may use it."""
    MIGRATIONS.apply(db)
    # No migration itself: versions that do not read it would refuse the file for its name.
    db.execute(
        "CREATE TABLE IF NOT EXISTS readers"
        " (migration TEXT PRIMARY KEY NOT NULL, needs TEXT NOT NULL) STRICT"
    )
    db.conn.executemany("INSERT OR IGNORE INTO readers VALUES (?, ?)", list(_needs.items()))


def refuse_newer(path: Path, db: sqlite3.Connection) -> list[str]:
    """Refuse a file that this version would misread.

    Returns:
        Migrations that this version does not know and need not know.

    Raises:
        NewerStateError: the file has seen one that it would have to know.
    """
    unknown = [name for name in _applied(db) if name not in _needs]
    if not unknown:
        return []
    readers = "SELECT migration, needs FROM readers"
    needs = dict(db.execute(readers).fetchall()) if _has_table(db, "readers") else {}
    for name in unknown:
        if needs.get(name) not in _needs:
            raise NewerStateError(
                f"{path}: written by a newer kiosk (it knows {name!r})",
                hint="install that version again, or move the file away",
            )
    return unknown


def is_older(db: sqlite3.Connection) -> bool:
    """Whether a migration of this version is still to be made."""
    return not _needs.keys() <= set(_applied(db))


def _applied(db: sqlite3.Connection) -> list[str]:
    if not _has_table(db, "_sqlite_migrations"):
        return []
    names = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid"
    return [row[0] for row in db.execute(names, [MIGRATIONS.name])]


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [name])
    return found.fetchone() is not None


@breaking
def m001_first_tables(db: Database) -> None:
    """Identity, plays, open hours, published hours, streams, outbox, health."""
    db.table("identity").create({"epoch": str}, strict=True).insert({"epoch": secrets.token_hex(4)})
    db.table("plays").create(
        {
            "play_id": str,
            "creative": str,
            "campaign": str,
            "reason": str,
            "explanation": str,
            "started": str,
            "duration_s": float,
            "completed": int,
            "presented": int,
            "seq": int,
        },
        pk="play_id",
        not_null={"creative", "campaign", "reason", "started", "presented"},
        strict=True,
    ).create_index(["started"])
    db.table("open_hours").create(
        {"hour": str, "cell": str, "count": int}, pk=("hour", "cell"), strict=True
    )
    db.table("published_hours").create(
        {"hour": str, "seq": int, "noise": str, "at": str}, pk="hour", strict=True
    )
    db.table("streams").create({"stream": str, "last_seq": int}, pk="stream", strict=True)
    db.table("outbox").create(
        {"stream": str, "seq": int, "payload": bytes, "at_broker": int, "created": str},
        pk=("stream", "seq"),
        not_null={"payload", "at_broker"},
        strict=True,
    )
    db.execute("CREATE INDEX outbox_waiting ON outbox (seq, stream) WHERE at_broker = 0")
    db.execute("CREATE INDEX outbox_at_broker ON outbox (at_broker)")
    db.execute("CREATE INDEX plays_unsent ON plays (started) WHERE seq IS NULL")
    db.table("health").create({"part": str, "data": str, "at": str}, pk="part", strict=True)


@breaking
def m002_releases_and_boots(db: Database) -> None:
    """What each release spent and said, and what is known of time in each run of the machine."""
    for column in ("epsilon REAL", "scales TEXT", "tables TEXT"):
        db.execute(f"ALTER TABLE published_hours ADD COLUMN {column}")
    # What they count has changed: with those of now, a pass would stand in two cells.
    db.execute("DELETE FROM open_hours WHERE cell LIKE 'creative/%'")
    db.table("boots").create(
        {"number": int, "boot": str, "last_s": float, "offset_s": float},
        pk="number",
        not_null={"boot", "last_s"},
        strict=True,
    ).create_index(["boot"], unique=True)


@additive
def m003_orders(db: Database) -> None:
    """What head office has ordered: what was obeyed already, and what the director is to do."""
    db.table("commands").create({"id": str, "until": str}, pk="id", not_null={"until"}, strict=True)
    db.table("orders").create(
        {"name": str, "id": str, "until": str}, pk="name", not_null={"id", "until"}, strict=True
    )


@additive
def m004_contracts(db: Database) -> None:
    """What a play was chosen for and by which chance, what contracts were given, what is learned.

    Nothing here says who was there: neither the audience that a choice was made for, nor a viewer.
    """
    for column in (
        "contract TEXT",
        "propensity REAL",
        "control INTEGER",
        "attention_s REAL",
        "decision TEXT",
    ):
        db.execute(f"ALTER TABLE plays ADD COLUMN {column}")
    db.execute("CREATE INDEX plays_weighed ON plays (seq) WHERE decision IS NOT NULL")
    db.table("deliveries").create(
        {
            "contract": str,
            "period": str,
            "plays": int,
            "shown_s": float,
            "live_s": float,
            "impressions": int,
        },
        pk=("contract", "period"),
        not_null={"plays", "shown_s", "live_s", "impressions"},
        strict=True,
    )
    db.table("learner").create(
        {"name": str, "model": bytes, "at": str}, pk="name", not_null={"model", "at"}, strict=True
    )
