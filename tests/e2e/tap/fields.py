"""THE FROZEN LISTS: every field that may leave a process of the device, and what it may say.

A test that fails here found a field, a table or a label that is not in these lists. So a field was
added. Is it in the promise? Could it tell who somebody is, or be put together with others until it
does? Then take it out. If it keeps the promise, add it here and in docs/privacy.md, in the same
change, so that whoever reviews the one sees the other. Never make a kind wider (a longer text, a
plain text instead of labels) to make a test pass.

What the state file holds is in :mod:`tests.e2e.tap.kept_fields`, and the same goes for it.

A path is written as :mod:`tests.e2e.tap.shapes` says. The words are written out instead of being
taken from the product: a list that follows what it is to hold holds nothing.
"""

from __future__ import annotations

from tests.e2e.tap.shapes import (
    Fields,
    Keys,
    figure,
    flag,
    integer,
    label,
    like,
    maybe,
    number,
    row,
    text,
)

BANDS = ("0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", "unknown")
GENDERS = ("female", "male", "unknown")
MOODS = (
    *("happy", "neutral", "sad", "angry", "surprised", "fearful", "disgusted"),
    "unknown",
)
GROUPS = ("1", "2", "3", "4+")

TOTALS = ("plays", "ots", "watchers", "dwell_s", "attention_s", "impressions")
TABLE_NAMES = (
    *("visits", "age_gender", "mood", "group_size", "dwell", "attention"),
    *("impressions", "impressions_age_gender"),
    *("creative_visits", "creative_dwell", "creative_attention"),
    *("creative_age_gender", "creative_mood", "creative_group_size"),
)

VIEWER_ID = like(r"[0-9a-f]{8}")
"""Drawn at random when a pass begins; 32 bits, too few for a feature of a face."""

PLAY_ID = like(r"[0-9a-f]{16}")
EPOCH = like(r"[0-9a-f]{8}")
TIME = like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
HOUR = like(r"\d{4}-\d\d-\d\dT\d\d:00:00(\.0+)?(Z|\+00:00)")
NAME = like(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""Of a creative, campaign, file or processor."""

FIGURE = like(r"[a-z][a-z0-9_]{0,39}")
"""Name of a figure in the answer to a command."""

COMMAND_ID = like(r"[0-9a-f]{16}")

REASON = like(r"(targeted|rotation|contract): [a-z0-9+=_, .-]{1,120}")

RULES = (
    *("broken", "medium", "flight", "daypart", "restricted", "minor", "vision", "group"),
    *("looking", "targeting", "exclusivity", "separation", "gap", "frequency", "pace"),
    *("variety", "turn", "specific"),
)

KEYS: Keys = {
    "band": BANDS.__contains__,
    "gender": GENDERS.__contains__,
    "mood": MOODS.__contains__,
    "group": GROUPS.__contains__,
    "creative": NAME.holds,
    "reason": REASON.holds,
    "rule": RULES.__contains__,
    "stream": ("hours", "plays").__contains__,
    "document": ("config", "campaign").__contains__,
    "figure": FIGURE.holds,
    "table": TABLE_NAMES.__contains__,
    "total": TOTALS.__contains__,
}

# ---- vision to director -------------------------------------------------------------------------

RECORD: Fields = {
    "t_s": number(),
    "frames": integer(),
    "fps": number(),
    "inference_ms": number(),
    "accelerator": NAME,
    "source": NAME,
    "dark": flag(),
    "viewers[].id": VIEWER_ID,
    "viewers[].first_s": number(),
    "viewers[].last_s": number(),
    "viewers[].box": row(4, number()),
    "viewers[].looking": flag(),
    "viewers[].live": flag(),
    "viewers[].age_band": label(*BANDS),
    "viewers[].age_p": number(),
    "viewers[].gender": label(*GENDERS),
    "viewers[].gender_p": number(),
    "viewers[].mood": label(*MOODS),
    "viewers[].mood_p": number(),
    "viewers[].minor_possible": flag(),
}

# ---- uplink to head office ----------------------------------------------------------------------

TABLES: Fields = {
    "plays": integer(),
    "ots": integer(),
    "watchers": integer(),
    "dwell_s": maybe(integer()),
    "attention_s": maybe(integer()),
    "impressions": maybe(integer()),
    "impressions_age_gender{band}{gender}": integer(),
    "age_gender{band}{gender}": integer(),
    "mood{mood}": integer(),
    "group_size{group}": integer(),
    "creatives{creative}.plays": integer(),
    "creatives{creative}.ots": integer(),
    "creatives{creative}.watchers": integer(),
    "creatives{creative}.dwell_s": maybe(integer()),
    "creatives{creative}.attention_s": maybe(integer()),
    "creatives{creative}.age_gender{band}{gender}": integer(),
    "creatives{creative}.mood{mood}": integer(),
    "creatives{creative}.group_size{group}": integer(),
}
"""Counts of passes, never of anything that tells one pass from another."""

HOURS: Fields = {
    "schema": integer(),
    "stream": label("hours"),
    "epoch": EPOCH,
    "seq": integer(),
    "hour": maybe(HOUR),
    "between.not_before": maybe(TIME),
    "between.not_after": TIME,
    "policy": label("full", "eu", "count-only"),
    "noise": label("off"),
    "noise.mechanism": label("discrete-laplace"),
    "noise.unit": label("pass"),
    "noise.epsilon": number(),
    "noise.scales{table}": number(),
    "clamps.dwell_s": integer(),
    "clamps.attention_s": integer(),
    "clamps.impressions": integer(),
    "notice_s": integer(),
    **{f"tables.{path}": kind for path, kind in TABLES.items()},
}

PLAYS: Fields = {
    "schema": integer(),
    "stream": label("plays"),
    "epoch": EPOCH,
    "seq": integer(),
    "plays[].play_id": PLAY_ID,
    "plays[].creative": NAME,
    "plays[].campaign": NAME,
    "plays[].contract": maybe(NAME),
    "plays[].start": TIME,
    "plays[].duration_s": number(),
    "plays[].completed": flag(),
    "plays[].presented": flag(),
}

STATUS: Fields = {
    "schema": integer(),
    "state": label("online", "offline"),
    "version": NAME,
    "since": TIME,
}

HEALTH_MESSAGE: Fields = {
    "schema": integer(),
    "at": TIME,
    "version": NAME,
    "uptime_s": integer(),
    "clock": label("set", "unset"),
    "vision.state": label("live", "stale", "absent"),
    "vision.peak_fps": integer(),
    "vision.accelerator": maybe(like(r"[A-Za-z0-9_.:()-]{0,40}")),
    "vision.dark": flag(),
    "resting": flag(),
    "screens": integer(),
    "outbox.epoch": EPOCH,
    "outbox.waiting": integer(),
    "outbox.unacknowledged": integer(),
    "outbox.kb": integer(),
    "outbox{stream}.lowest": integer(),
    "outbox{stream}.next": integer(),
    "{document}.version": integer(),
    "{document}.name": maybe(text(200)),
    "{document}.refused": maybe(integer()),
    "{document}.reason": maybe(text(200)),
    "disk_free_mb": maybe(integer()),
    "temperature_c": maybe(integer()),
}

REPLY: Fields = {
    "schema": integer(),
    "id": COMMAND_ID,
    "name": like(r"[a-z-]{1,40}"),
    "outcome": label(
        *("done", "failed", "expired", "not-allowed", "unknown-command", "clock-unset")
    ),
    "detail": text(500),
    "at": TIME,
    "data{figure}": figure(),
    "lines[]": text(500),
}
"""Of the machine and its processes, asked for by head office; never of anybody in front of it."""

MESSAGES: dict[str, Fields] = {
    "status": STATUS,
    "up/hours": HOURS,
    "up/plays": PLAYS,
    "up/health": HEALTH_MESSAGE,
    "up/reply": REPLY,
}
"""By topic below the device's branch; there is no other."""

UNASKED = frozenset(MESSAGES) - {"up/reply"}
"""What a device says by itself; a reply only comes of a command."""

# ---- director to the pages on loopback ----------------------------------------------------------

ADDRESS = like(r"/media/[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.%-]{1,100}\?v=[0-9a-f]{1,20}")
DEVICE = like(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){2}")
CREATIVE_KIND = label("image", "video", "html")

SCREEN: dict[str, Fields] = {
    "hello": {
        "type": label("hello"),
        "primary": flag(),
        "rotation[].id": NAME,
        "rotation[].kind": CREATIVE_KIND,
        "rotation[].url": ADDRESS,
        "rotation[].duration_s": number(),
        "transition_ms": integer(),
        "load_timeout_s": number(),
        "notice.show": flag(),
        "notice.texts[].lang": like(r"[a-z]{0,2}"),
        "notice.texts[].lines[]": text(200),
        "notice.size": label("small", "medium", "large"),
        "notice.position": label("top-left", "top-right", "bottom-left", "bottom-right"),
        "notice.link": maybe(text(200)),
        "notice.qr": maybe(text(0)),
    },
    "prepare": {
        "type": label("prepare"),
        "play_id": PLAY_ID,
        "creative.id": NAME,
        "creative.kind": CREATIVE_KIND,
        "creative.url": ADDRESS,
        "creative.duration_s": number(),
    },
    "identify": {
        "type": label("identify"),
        "name": DEVICE,
        "seconds": number(),
    },
}
"""By ``type``; there is no other."""

OPERATOR: Fields = {
    "t": TIME,
    "device": DEVICE,
    "version": NAME,
    "vision.state": label("live", "stale", "absent"),
    "vision.age_s": maybe(number()),
    "vision.fps": maybe(number()),
    "vision.inference_ms": maybe(number()),
    "vision.frames": maybe(integer()),
    "vision.device": maybe(NAME),
    "vision.source": maybe(NAME),
    "viewers[].id": VIEWER_ID,
    "viewers[].dwell_s": number(),
    "viewers[].attention_s": number(),
    "viewers[].looking": flag(),
    "viewers[].age_band": label(*BANDS),
    "viewers[].age_band_p": number(),
    "viewers[].gender": label(*GENDERS),
    "viewers[].gender_p": number(),
    "viewers[].mood": label(*MOODS),
    "viewers[].mood_p": number(),
    "viewers[].minor_possible": flag(),
    "viewers[].box": row(4, number()),
    "play.id": PLAY_ID,
    "play.creative": NAME,
    "play.kind": CREATIVE_KIND,
    "play.url": ADDRESS,
    "play.duration_s": number(),
    "play.elapsed_s": number(),
    "play.reason": REASON,
    "play.explanation": text(300),
    "screen.connected": integer(),
    "screen.presented": flag(),
    "screen.notice": flag(),
    "left_out[].creative": NAME,
    "left_out[].why": text(300),
    "clock_known": flag(),
    "counts.hour": text(40),
    "counts.passes": integer(),
    "counts.ots": integer(),
    "counts.watchers": integer(),
    "counts.age_gender{band}{gender}": integer(),
    "counts.mood{mood}": integer(),
    "counts.plays_by_reason{reason}": integer(),
    "rest": label("", "off hours", "staff hours"),
    "today.date": like(r"\d{4}-\d\d-\d\d"),
    "today.hours[].local": like(r"\d\d:\d\d"),
    "today.hours[].ots": maybe(integer()),
    "today.hours[].watchers": maybe(integer()),
    "today.hours[].noise": label("off", "discrete-laplace"),
    "today.hours[].open": flag(),
    "today.hours[].late": flag(),
    "today.totals{total}.value": integer(),
    "today.totals{total}.sd": number(),
    "today.dwell_s": maybe(number()),
    "today.attention_s": maybe(number()),
    "today.attention_rate": maybe(number()),
    "today.qty.multiplier": maybe(number()),
    "today.qty.sourcetype": integer(),
    "today.age_gender{band}{gender}": maybe(integer()),
    "today.mood{mood}": maybe(integer()),
    "today.waiting": integer(),
    "today.unplaced": integer(),
    "outbox.waiting": integer(),
    "outbox.at_broker": integer(),
    "recent[].t": like(r"\d\d:\d\d:\d\d"),
    "recent[].creative": NAME,
    "recent[].reason": REASON,
}

SELDOM = frozenset(
    {
        *("counts.age_gender{band}{gender}", "counts.mood{mood}"),
        *("recent[].t", "recent[].creative", "recent[].reason"),
        *("left_out[].creative", "left_out[].why"),
    }
)
"""Paths of the operator's page that a short run need not meet."""

# ---- director to the child that draws the noise, and back ---------------------------------------

NOISE: Fields = {
    "{table}.values[]": integer(),
    "{table}.sensitivity": integer(),
    "{table}.scale": number(),
    "{table}.epsilon": number(),
}
