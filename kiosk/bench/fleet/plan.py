"""What a fleet bench is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BenchPlan:
    """What to play, and on what.

    Attributes:
        devices: of the fleet; 0 measures the pages only.
        database: ``postgresql`` or ``sqlite`` of the bench's own, or the URL of an empty one.
        broker: of the bench's own.
        workers: ingest processes.
        connections: of all devices together; 0: one each, up to some thousands.
        sites: that the devices stand in; ``None``: one for four of them.
        troubles: drop connections, kill a worker, restart the database.
        history_days: of the past that the pages are timed on; 0: only what was played.
        history_devices: that have a past.
        requests: of each page; 0 leaves the pages out.
        seed: of everything that is drawn.
    """

    devices: int = 200
    database: str = "postgresql"
    broker: Literal["mosquitto", "rabbitmq"] = "mosquitto"
    workers: int = 2
    connections: int = 0
    sites: int | None = None
    troubles: bool = True
    history_days: int = 0
    history_devices: int = 200
    requests: int = 50
    seed: int = 1
