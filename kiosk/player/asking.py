"""How a command asks the pages' server on this machine for something."""

from __future__ import annotations

import http.client
import json

from kiosk.config import PlayerSettings
from kiosk.errors import KioskError

ANSWER_S = 5.0
MOST_BYTES = 65536


def ask_to_aim(settings: PlayerSettings, seconds: float) -> int:
    """Have the director lay the aiming page over the screens, or take it away.

    Args:
        settings: say where it listens.
        seconds: from now; 0 takes it away.

    Returns:
        How many screen pages are connected.

    Raises:
        KioskError: no director answers there, or it refuses.
    """
    where = f"http://{settings.host}:{settings.port}/aim"
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=ANSWER_S)
    try:
        connection.request("POST", f"/aim?seconds={seconds:g}")
        answer = connection.getresponse()
        said = json.loads(answer.read(MOST_BYTES))
        if answer.status == http.client.OK:
            return int(said["screens"])
        why = str(said["error"])
    except OSError as bad:
        why = "no answer" if isinstance(bad, TimeoutError) else bad.strerror or str(bad)
        raise KioskError(
            f"{where}: the director does not answer: {why}",
            hint="`kiosk status` says how this device does; `systemctl start kiosk.target` starts"
            " it on a device, `kiosk run` at a desk",
        ) from bad
    except (http.client.HTTPException, ValueError, KeyError, TypeError) as bad:
        raise KioskError(
            f"{where}: what answers there is no director of this version",
            hint="`systemctl restart kiosk.target`; if it lasts, another program has the port",
        ) from bad
    finally:
        connection.close()
    raise KioskError(f"{where}: the director refuses: {why}")
