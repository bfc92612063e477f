"""Every table of the first version that PostgreSQL can hold as well."""

import sqlalchemy as sa
from alembic import op

from kiosk.central.store.kinds import Integers, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; on PostgreSQL hours and plays lie in partitions by month."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("last", Moment(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("cleared", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "creative_days",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("creative_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("device_hours", sa.BigInteger(), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.Column("ots", sa.BigInteger(), nullable=False),
        sa.Column("watchers", sa.BigInteger(), nullable=False),
        sa.Column("dwell_s", sa.BigInteger(), nullable=False),
        sa.Column("attention_s", sa.BigInteger(), nullable=False),
        sa.Column("age_gender", Integers(), nullable=False),
        sa.Column("mood", Integers(), nullable=False),
        sa.Column("group_size", Integers(), nullable=False),
        sa.Column("variances", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "day", "creative_id"),
    )
    op.create_table(
        "creatives",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "name"),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "target", "version"),
    )
    op.create_table(
        "hours",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("dated", sa.Boolean(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received", Moment(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("epsilon", sa.Float(), nullable=True),
        sa.Column("scales", sa.Text(), nullable=True),
        sa.Column("clamps", sa.Text(), nullable=True),
        sa.Column("notice_s", sa.Integer(), nullable=True),
        sa.Column("bands", sa.Text(), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.Column("ots", sa.BigInteger(), nullable=False),
        sa.Column("watchers", sa.BigInteger(), nullable=False),
        sa.Column("dwell_s", sa.BigInteger(), nullable=True),
        sa.Column("attention_s", sa.BigInteger(), nullable=True),
        sa.Column("impressions", sa.BigInteger(), nullable=True),
        sa.Column("age_gender", Integers(), nullable=True),
        sa.Column("impressions_age_gender", Integers(), nullable=True),
        sa.Column("mood", Integers(), nullable=True),
        sa.Column("group_size", Integers(), nullable=True),
        sa.Column("creatives", Integers(), nullable=False),
        sa.Column("creative_plays", Integers(), nullable=False),
        sa.Column("creative_ots", Integers(), nullable=False),
        sa.Column("creative_watchers", Integers(), nullable=False),
        sa.Column("creative_dwell_s", Integers(), nullable=True),
        sa.Column("creative_attention_s", Integers(), nullable=True),
        sa.Column("creative_age_gender", Integers(), nullable=True),
        sa.Column("creative_mood", Integers(), nullable=True),
        sa.Column("creative_group_size", Integers(), nullable=True),
        sa.PrimaryKeyConstraint("device_id", "at", "epoch", "seq"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("hours_at", "hours", ["at"], unique=False, postgresql_using="brin")
    op.create_table(
        "marks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "play_batches",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received", Moment(), nullable=False),
        sa.Column("plays", sa.Integer(), nullable=False),
        sa.Column("proofs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "at", "epoch", "seq"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "play_batches_at", "play_batches", ["at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "site_days",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("device_hours", sa.BigInteger(), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.Column("ots", sa.BigInteger(), nullable=False),
        sa.Column("watchers", sa.BigInteger(), nullable=False),
        sa.Column("dwell_s", sa.BigInteger(), nullable=False),
        sa.Column("attention_s", sa.BigInteger(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("age_gender", Integers(), nullable=False),
        sa.Column("impressions_age_gender", Integers(), nullable=False),
        sa.Column("mood", Integers(), nullable=False),
        sa.Column("group_size", Integers(), nullable=False),
        sa.Column("variances", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "day"),
    )
    op.create_index("site_days_day", "site_days", ["day"], unique=False)
    op.create_table(
        "site_hours",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("device_hours", sa.BigInteger(), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.Column("ots", sa.BigInteger(), nullable=False),
        sa.Column("watchers", sa.BigInteger(), nullable=False),
        sa.Column("dwell_s", sa.BigInteger(), nullable=False),
        sa.Column("attention_s", sa.BigInteger(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("age_gender", Integers(), nullable=False),
        sa.Column("impressions_age_gender", Integers(), nullable=False),
        sa.Column("mood", Integers(), nullable=False),
        sa.Column("group_size", Integers(), nullable=False),
        sa.Column("variances", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "at"),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "site"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("revoked", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("disabled", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen", Moment(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creative_id", sa.Integer(), nullable=False),
        sa.Column("begin", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["creative_id"],
            ["creatives.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("seen", Moment(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("since", Moment(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Text(), nullable=True),
        sa.Column("epoch_since", Moment(), nullable=True),
        sa.Column("last_hour", Moment(), nullable=True),
        sa.Column("health", sa.Text(), nullable=True),
        sa.Column("health_at", Moment(), nullable=True),
        sa.Column("drift_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("site_id", "name"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("expires", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("issued", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("sent", Moment(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "commands_open",
        "commands",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("outcome IS NULL"),
        sqlite_where=sa.text("outcome IS NULL"),
    )
    op.create_index(op.f("ix_commands_device_id"), "commands", ["device_id"], unique=False)
    op.create_table(
        "conflicts",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.id"],
        ),
        sa.PrimaryKeyConstraint("device_id", "epoch", "stream", "seq", "digest"),
    )
    op.create_table(
        "deliveries",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("sent", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.id"],
        ),
        sa.PrimaryKeyConstraint("device_id", "kind"),
    )
    op.create_table(
        "streams",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("contiguous", sa.BigInteger(), nullable=False),
        sa.Column("beyond", sa.Text(), nullable=False),
        sa.Column("given_up", sa.BigInteger(), nullable=False),
        sa.Column("gap_since", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.id"],
        ),
        sa.PrimaryKeyConstraint("device_id", "epoch", "stream"),
    )
    op.create_index(
        "streams_gap",
        "streams",
        ["gap_since"],
        unique=False,
        postgresql_where=sa.text("gap_since IS NOT NULL"),
        sqlite_where=sa.text("gap_since IS NOT NULL"),
    )
    op.create_index(
        "alerts_open",
        "alerts",
        [sa.text("coalesce(device_id, 0)"), "kind"],
        unique=True,
        postgresql_where=sa.text("cleared IS NULL"),
        sqlite_where=sa.text("cleared IS NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("hours", "play_batches"):
            op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
