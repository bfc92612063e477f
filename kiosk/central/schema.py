"""Tables of head office's database, as versioned migrations."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("kiosk-central")

BRANCH = {"tenant": str, "site": str, "device": str}
MESSAGE = {**BRANCH, "epoch": str, "stream": str, "seq": int}


@MIGRATIONS()
def m001_first_tables(db: Database) -> None:
    """Messages by their key, streams, conflicts; hours, plays, devices."""
    db.table("messages").create(
        {**MESSAGE, "sha256": bytes, "received": str}, pk=tuple(MESSAGE), strict=True
    )
    db.table("streams").create(
        {**BRANCH, "epoch": str, "stream": str, "contiguous": int, "highest": int},
        pk=(*BRANCH, "epoch", "stream"),
        strict=True,
    )
    db.table("conflicts").create(
        {**MESSAGE, "sha256": bytes, "payload": bytes, "received": str},
        pk=(*MESSAGE, "sha256"),
        strict=True,
    )
    db.table("hours").create(
        {
            **BRANCH,
            "epoch": str,
            "seq": int,
            "hour": str,
            "noise": str,
            "ots": int,
            "watchers": int,
            "tables": str,
        },
        pk=(*BRANCH, "epoch", "seq"),
        strict=True,
    ).create_index(["hour"])
    db.table("plays").create(
        {
            **BRANCH,
            "play_id": str,
            "creative": str,
            "campaign": str,
            "start": str,
            "duration_s": float,
            "completed": int,
            "presented": int,
            "epoch": str,
            "seq": int,
        },
        pk=(*BRANCH, "play_id"),
        strict=True,
    ).create_index(["start"])
    db.table("devices").create(
        {
            **BRANCH,
            "state": str,
            "version": str,
            "since": str,
            "health": str,
            "health_at": str,
            "seen": str,
        },
        pk=tuple(BRANCH),
        strict=True,
    )


@MIGRATIONS()
def m002_what_is_known_of_an_hour(db: Database) -> None:
    """When it was if not in an hour that is known, under which policy, with the notice on."""
    for column in ("not_before TEXT", "not_after TEXT", "policy TEXT", "notice_s INTEGER"):
        db.execute(f"ALTER TABLE hours ADD COLUMN {column}")


NAMES = frozenset({"m001_first_tables", "m002_what_is_known_of_an_hour"})
"""Every migration that this version knows."""
