"""Demo: everything at work on sample footage, with a private broker and a head office.

Comes in: a configuration and a clip. Goes out: addresses to open, a live line, and a summary.
Everything it writes is in a temporary folder that goes with it; nothing leaves the machine.
"""

from kiosk.demo.footage import prepare
from kiosk.demo.show import run_demo

__all__ = ["prepare", "run_demo"]
