"""kiosk: a shop screen that knows who is in front of it, and never who they are."""

__version__ = "0.1.0"
