"""Director: the process that joins audience, ads and player.

Comes in: vision's records, a campaign file, what the screen reports. Goes out: plays on the screen,
and plays and hour counts in the state file. Never sees a pixel of a camera, never opens a
connection that leaves the machine, and keeps the screen going whatever else fails.
"""

from kiosk.director.process import run

__all__ = ["run"]
