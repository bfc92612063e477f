"""Until when the plays of a batch began: those of a day are found, whatever batch they are in.

The rows that are there keep an empty column: to fill it would take as long as they are many.
"""

import sqlalchemy as sa
from alembic import op

from kiosk.central.store.kinds import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; on PostgreSQL every partition gets it."""
    op.add_column("play_batches", sa.Column("until", Moment(), nullable=True))
    op.create_index(
        "play_batches_until", "play_batches", ["until"], unique=False, postgresql_using="brin"
    )
