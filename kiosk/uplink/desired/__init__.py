"""What head office wants of this device: configurations, campaigns, commands.

Comes in: sealed messages of ``down/config``, ``down/campaigns`` and ``down/command``; media over
HTTPS. Goes out: files under ``desired.folder``, orders to the director, and one reply to each
command. Nothing unsigned, nothing for another device and nothing bad ever replaces what works.
"""

from kiosk.uplink.desired.desk import Desired

__all__ = ["Desired"]
