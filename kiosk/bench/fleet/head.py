"""What a bench needs of head office, in one place."""

from kiosk.central.store import Entry, make_partitions, open_database, work_off, write
from kiosk.central.web import add_user

__all__ = ["Entry", "add_user", "make_partitions", "open_database", "work_off", "write"]
