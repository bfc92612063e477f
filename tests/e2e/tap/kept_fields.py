"""THE FROZEN LISTS of what the state file holds: read the head of :mod:`tests.e2e.tap.fields`."""

from __future__ import annotations

from tests.e2e.tap.fields import COMMAND_ID, EPOCH, NAME, PLAY_ID, REASON, TIME
from tests.e2e.tap.shapes import Fields, Kind, flag, integer, label, like, maybe, number, text

TEXT, INTEGER, REAL, BLOB = "TEXT", "INTEGER", "REAL", "BLOB"
BOOT = like(r"[0-9a-f-]{36}")

WHOLE_SECONDS = Kind(
    "whole seconds of all viewers together", lambda v: isinstance(v, float) and v == int(v) >= 0
)
"""Of attention: finer ones would tell one pass from the next."""

MODEL = Kind(
    "a learner's weights, which say so and are few",
    lambda v: (
        isinstance(v, bytes) and v.startswith(b'{"format": "kiosk-learner-') and (len(v) <= 2**18)
    ),
)
"""Weights of labels (a creative with an age band, a mood, an hour of the day), from thousands of
plays: nothing in it belongs to a moment."""

STATE: dict[str, dict[str, tuple[str, Kind | None]]] = {
    "_sqlite_migrations": {
        "id": (INTEGER, integer()),
        "migration_set": (TEXT, text(40)),
        "name": (TEXT, text(60)),
        "applied_at": (TEXT, text(40)),
    },
    "identity": {"epoch": (TEXT, EPOCH)},
    "plays": {
        "play_id": (TEXT, PLAY_ID),
        "creative": (TEXT, NAME),
        "campaign": (TEXT, NAME),
        "reason": (TEXT, REASON),
        "explanation": (TEXT, maybe(text(300))),
        "started": (TEXT, TIME),
        "duration_s": (REAL, maybe(number())),
        "completed": (INTEGER, maybe(integer())),
        "presented": (INTEGER, integer()),
        "seq": (INTEGER, maybe(integer())),
        "contract": (TEXT, maybe(NAME)),
        "propensity": (REAL, maybe(number())),
        "control": (INTEGER, maybe(integer())),
        "attention_s": (REAL, maybe(WHOLE_SECONDS)),
        "decision": (TEXT, None),
    },
    "deliveries": {
        "contract": (TEXT, NAME),
        "period": (TEXT, like(r"\d{4}-\d\d-\d\d(T\d\d[+-]\d{4})?")),
        "plays": (INTEGER, integer()),
        "shown_s": (REAL, number()),
        "live_s": (REAL, number()),
        "impressions": (INTEGER, integer()),
    },
    "learner": {
        "name": (TEXT, label("attention")),
        "model": (BLOB, MODEL),
        "at": (TEXT, TIME),
    },
    "open_hours": {
        "hour": (TEXT, text(40)),
        "cell": (TEXT, text(100)),
        "count": (INTEGER, integer()),
    },
    "published_hours": {
        "hour": (TEXT, text(40)),
        "seq": (INTEGER, integer()),
        "noise": (TEXT, text(40)),
        "at": (TEXT, TIME),
        "epsilon": (REAL, maybe(number())),
        "scales": (TEXT, None),
        "tables": (TEXT, None),
    },
    "streams": {"stream": (TEXT, label("hours", "plays")), "last_seq": (INTEGER, integer())},
    "outbox": {
        "stream": (TEXT, label("hours", "plays")),
        "seq": (INTEGER, integer()),
        "payload": (BLOB, None),
        "at_broker": (INTEGER, integer()),
        "created": (TEXT, TIME),
    },
    "health": {
        "part": (TEXT, label("director", "uplink")),
        "data": (TEXT, None),
        "at": (TEXT, TIME),
    },
    "readers": {"migration": (TEXT, text(60)), "needs": (TEXT, text(60))},
    "commands": {"id": (TEXT, COMMAND_ID), "until": (TEXT, TIME)},
    "orders": {
        "name": (TEXT, like(r"[a-z-]{1,40}")),
        "id": (TEXT, COMMAND_ID),
        "until": (TEXT, TIME),
    },
    "boots": {
        "number": (INTEGER, integer()),
        "boot": (TEXT, BOOT),
        "last_s": (REAL, number()),
        "offset_s": (REAL, maybe(number())),
    },
}
"""Tables, their columns, the columns' types and their values. Where there is no kind of value, the
column holds a document, which has a list of its own."""

HEALTH: dict[str, Fields] = {
    "uplink": {"connected": flag(), "broker": text(300), "pid": integer(), "began": integer()},
    "director": {
        "vision.state": label("live", "stale", "absent"),
        "vision.peak_fps": integer(),
        "vision.accelerator": like(r"[A-Za-z0-9_.:()-]{0,40}"),
        "vision.dark": flag(),
        "resting": flag(),
        "screens": integer(),
        "passes": integer(),
        "watchers": integer(),
        "stopped_s": maybe(number()),
        "boot": BOOT,
    },
}
"""What a process says of itself, by ``part``."""

DECISION: Fields = {
    "in[].id": NAME,
    "in[].score": maybe(number()),
    "in[].p": number(),
    "out{rule}[]": NAME,
    "more": integer(),
}
"""What was weighed for a play: creatives with rule or score. The audience itself is not in it; with
whom a creative is for, its rule says of it as much as the reason of a targeted play does."""

SCALES: Fields = {"{table}": number()}
"""What the ledger keeps of an hour's noise, beside its tables as they were published."""
