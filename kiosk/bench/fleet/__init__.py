"""Load: a simulated fleet against real brokers, real ingest workers and real databases.

Comes in: how many devices, and on what. Goes out: how fast their messages arrived, and whether the
database holds every cell of them once. All of it is on loopback and ends with the bench.
"""

from kiosk.bench.fleet.plan import BenchPlan
from kiosk.bench.fleet.whole import fleet_bench_text, run_fleet_bench

__all__ = ["BenchPlan", "fleet_bench_text", "run_fleet_bench"]
