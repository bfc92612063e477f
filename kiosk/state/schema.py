"""Tables of the state file, as versioned migrations."""

from __future__ import annotations

import secrets

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("kiosk-state")


@MIGRATIONS()
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


@MIGRATIONS()
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


@MIGRATIONS()
def m003_orders(db: Database) -> None:
    """What head office has ordered: what was obeyed already, and what the director is to do."""
    db.table("commands").create({"id": str, "until": str}, pk="id", not_null={"until"}, strict=True)
    db.table("orders").create(
        {"name": str, "id": str, "until": str}, pk="name", not_null={"id", "until"}, strict=True
    )


NAMES = frozenset({"m001_first_tables", "m002_releases_and_boots", "m003_orders"})
"""Every migration that this version knows."""
