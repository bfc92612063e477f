"""The release manager: a signed bundle in, a running and proven release out.

It outlives every release, so it is packed on its own (`deploy/release/zipapp.sh`) and stands on
Python's standard library alone. It verifies before it unpacks, installs beside what runs, switches
by one link, and goes back by itself from a release that does not do its work. It never touches the
state, the settings, or a release that runs.
"""

from kiosk.release.cli import main

__all__ = ["main"]
