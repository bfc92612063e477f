"""Every table of head office's database; SQLite and PostgreSQL alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from kiosk.central.store.kinds import Integers, Moment

METADATA = MetaData()

BIG = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only what is called INTEGER."""

# ---- who there is --------------------------------------------------------------------------------

sites = Table(
    "sites",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("site", Text, nullable=False),
    UniqueConstraint("tenant", "site"),
)

devices = Table(
    "devices",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("seen", Moment, nullable=False, comment="when anything came last"),
    Column("state", Text, comment="online or offline, as the broker says"),
    Column("since", Moment),
    Column("version", Text),
    Column("epoch", Text, comment="the newest life of its state file"),
    Column("epoch_since", Moment, comment="when it was first heard of"),
    Column("last_hour", Moment, comment="its newest hour"),
    Column("health", Text, comment="the last health payload, JSON"),
    Column("health_at", Moment, comment="by its own clock"),
    Column("drift_s", Float, comment="its clock ahead of ours, when health came"),
    UniqueConstraint("site_id", "name"),
)

creatives = Table(
    "creatives",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("tenant", "name"),
)

# ---- what they sent ------------------------------------------------------------------------------

streams = Table(
    "streams",
    METADATA,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("contiguous", BigInteger, nullable=False, comment="all up to here is committed"),
    Column("beyond", Text, nullable=False, comment="JSON [[first, last], …] committed above it"),
    Column("given_up", BigInteger, nullable=False, comment="numbers that no device holds any more"),
    Column("gap_since", Moment, comment="since when there is a hole"),
    Index(
        "streams_gap",
        "gap_since",
        postgresql_where=text("gap_since IS NOT NULL"),
        sqlite_where=text("gap_since IS NOT NULL"),
    ),
)

hours = Table(
    "hours",
    METADATA,
    Column("device_id", Integer, primary_key=True),
    Column("at", Moment, primary_key=True, comment="the hour; undated: until when it was counted"),
    Column("epoch", Text, primary_key=True),
    Column("seq", BIG, primary_key=True, autoincrement=False),
    Column("dated", Boolean, nullable=False),
    Column("not_before", Moment, comment="undated: since when it was counted, if known"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the payload"),
    Column("received", Moment, nullable=False),
    Column("policy", Text),
    Column("epsilon", Float, comment="null: without noise"),
    Column("scales", Text, comment="scale of the noise by table, JSON"),
    Column("clamps", Text, comment="JSON"),
    Column("notice_s", Integer),
    Column(
        "bands",
        Text,
        nullable=False,
        comment="age bands of the arrays, joined by commas; the last: unknown",
    ),
    Column("plays", BigInteger, nullable=False),
    Column("ots", BigInteger, nullable=False),
    Column("watchers", BigInteger, nullable=False),
    Column("dwell_s", BigInteger),
    Column("attention_s", BigInteger),
    Column("impressions", BigInteger),
    Column("age_gender", Integers, comment="band by band: female, male, unknown"),
    Column("impressions_age_gender", Integers, comment="the same"),
    Column("mood", Integers, comment="in the order of kiosk.terms.MOODS, then unknown"),
    Column("group_size", Integers, comment="in the order of kiosk.terms.GROUP_SIZES"),
    Column("creatives", Integers, nullable=False, comment="ids; the arrays below go along"),
    Column("creative_plays", Integers, nullable=False),
    Column("creative_ots", Integers, nullable=False),
    Column("creative_watchers", Integers, nullable=False),
    Column("creative_dwell_s", Integers),
    Column("creative_attention_s", Integers),
    Column("creative_age_gender", Integers, comment="creative by creative, as age_gender"),
    Column("creative_mood", Integers, comment="creative by creative, as mood"),
    Column("creative_group_size", Integers, comment="creative by creative, as group_size"),
    Index("hours_at", "at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (at)",
)

play_batches = Table(
    "play_batches",
    METADATA,
    Column("device_id", Integer, primary_key=True),
    Column("at", Moment, primary_key=True, comment="start of its first play"),
    Column("until", Moment, comment="start of its last play; null: of a version before, as at"),
    Column("epoch", Text, primary_key=True),
    Column("seq", BIG, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("received", Moment, nullable=False),
    Column("plays", Integer, nullable=False, comment="how many"),
    Column("proofs", Text, nullable=False, comment="the plays as they came, JSON"),
    Index("play_batches_at", "at", postgresql_using="brin"),
    Index("play_batches_until", "until", postgresql_using="brin"),
    postgresql_partition_by="RANGE (at)",
)

conflicts = Table(
    "conflicts",
    METADATA,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("seq", BIG, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("received", Moment, nullable=False),
)

# ---- what pages read -----------------------------------------------------------------------------

marks = Table(
    "marks",
    METADATA,
    Column("id", BIG, primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("device_id", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
"""Rows of ``hours`` that are not in the sums yet; each is added and its mark deleted at once."""


def _sums(without: frozenset[str] = frozenset()) -> list[Column[Any]]:
    columns: tuple[Column[Any], ...] = (
        Column("device_hours", BigInteger, nullable=False),
        Column("plays", BigInteger, nullable=False),
        Column("ots", BigInteger, nullable=False),
        Column("watchers", BigInteger, nullable=False),
        Column("dwell_s", BigInteger, nullable=False),
        Column("attention_s", BigInteger, nullable=False),
        Column("impressions", BigInteger, nullable=False),
        Column(
            "age_gender",
            Integers,
            nullable=False,
            comment="the eight bands of kiosk.terms, then unknown; of each: female, male, unknown",
        ),
        Column("impressions_age_gender", Integers, nullable=False, comment="the same"),
        Column("mood", Integers, nullable=False, comment="as in hours"),
        Column("group_size", Integers, nullable=False, comment="as in hours"),
        Column(
            "variances",
            Text,
            nullable=False,
            comment="of the noise, JSON by column; of one cell where there are several;"
            " without a column that no device published",
        ),
    )
    return [column for column in columns if column.name not in without]


SUMS = tuple(_sums())
"""What each table of sums holds; a table has columns of its own."""

site_hours = Table(
    "site_hours",
    METADATA,
    Column("site_id", Integer, primary_key=True, autoincrement=False, comment="0: all sites"),
    Column("at", Moment, primary_key=True),
    *_sums(),
)

site_days = Table(
    "site_days",
    METADATA,
    Column("site_id", Integer, primary_key=True, autoincrement=False, comment="0: all sites"),
    Column("day", Text, primary_key=True, comment="in central.timezone"),
    *_sums(),
    Index("site_days_day", "day"),
)

creative_days = Table(
    "creative_days",
    METADATA,
    Column("site_id", Integer, primary_key=True, autoincrement=False, comment="0: all sites"),
    Column("day", Text, primary_key=True, comment="in central.timezone"),
    Column("creative_id", Integer, primary_key=True, autoincrement=False),
    *_sums(without=frozenset({"impressions", "impressions_age_gender"})),
)

# ---- what went wrong -----------------------------------------------------------------------------

alerts = Table(
    "alerts",
    METADATA,
    Column("id", BIG, primary_key=True),
    Column("device_id", Integer, comment="null: of head office itself"),
    Column("kind", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("last", Moment, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("sentence", Text, nullable=False, comment="what, where, what to do"),
    Column("cleared", Moment),
    Index(
        "alerts_open",
        text("coalesce(device_id, 0)"),
        "kind",
        unique=True,
        postgresql_where=text("cleared IS NULL"),
        sqlite_where=text("cleared IS NULL"),
    ),
)

workers = Table(
    "workers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("seen", Moment, nullable=False, comment="its last commit or sound look"),
    Column("state", Text, nullable=False, comment="one sentence"),
)

# ---- what head office wants ----------------------------------------------------------------------

documents = Table(
    "documents",
    METADATA,
    Column("id", BIG, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", Text, nullable=False, comment="the payload, JSON"),
    Column("created", Moment, nullable=False),
    Column("by", Text, nullable=False),
    UniqueConstraint("kind", "target", "version"),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", BigInteger, nullable=False, comment="what its retained topic holds"),
    Column("sent", Moment, nullable=False),
)

commands = Table(
    "commands",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("device_id", ForeignKey("devices.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("args", Text, nullable=False, comment="JSON"),
    Column("by", Text, nullable=False),
    Column("issued", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("sent", Moment),
    Column("outcome", Text, comment="of the reply"),
    Column("reply", Text, comment="the payload, JSON"),
    Column("replied", Moment),
    Index(
        "commands_open",
        "expires_at",
        postgresql_where=text("outcome IS NULL"),
        sqlite_where=text("outcome IS NULL"),
    ),
)

bookings = Table(
    "bookings",
    METADATA,
    Column("id", BIG, primary_key=True),
    Column("creative_id", ForeignKey("creatives.id"), nullable=False),
    Column("begin", Text, nullable=False, comment="first day"),
    Column("end", Text, nullable=False, comment="last day"),
    Column("plays", BigInteger, nullable=False, comment="that were promised"),
    Column("note", Text, nullable=False),
)

# ---- who may look --------------------------------------------------------------------------------

users = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False, comment="argon2id"),
    Column("role", Text, nullable=False, comment="viewer or operator"),
    Column("created", Moment, nullable=False),
    Column("disabled", Moment),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
)

tokens = Table(
    "tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("created", Moment, nullable=False),
    Column("revoked", Moment),
)

audit = Table(
    "audit",
    METADATA,
    Column("id", BIG, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
