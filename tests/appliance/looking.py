"""What the tests look at a box with."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.appliance.boxes import Box

SPEAK = """
import sys, json, ssl, threading
import paho.mqtt.client as mqtt
cert, key, topic = sys.argv[1:4]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, client_id="probe")
client.tls_set("/etc/kiosk/ca.crt", cert or None, key or None)
done, said = threading.Event(), ["no way in: silence"]
def connected(client, _data, _flags, reason, _properties):
    if reason.is_failure:
        said[0] = f"no way in: {reason}"
        done.set()
    else:
        client.publish(topic, b"probe", qos=1)
def published(_client, _data, _mid, reason, _properties):
    said[0] = f"refused: {reason.value}" if reason.is_failure else "taken"
    done.set()
client.on_connect, client.on_publish = connected, published
try:
    client.connect("office", 8883)
    client.loop_start()
    done.wait(10)
except OSError as bad:
    said[0] = f"no way in: {bad}"
print(said[0])
"""


def speaker(box: Box) -> Callable[[dict[str, str], str], str]:
    """Speaks to the broker from a box, with a certificate, and says what became of it."""

    def speak(pair: dict[str, str], topic: str) -> str:
        python = "/opt/kiosk/current/.venv/bin/python"
        said = box.run(python, "-", pair["cert"], pair["key"], topic, input_=SPEAK, check=False)
        return said.strip()

    return speak


def state_of(box: Box, query: str) -> str:
    """One value of a device's state."""
    script = (
        "import sqlite3, sys;"
        "found = sqlite3.connect('file:/var/lib/kiosk/state.db?mode=ro', uri=True, timeout=10);"
        "print(found.execute(sys.argv[1]).fetchone()[0])"
    )
    return box.run("/usr/bin/python3", "-c", script, query).strip()


def sentence(said: str) -> str:
    """What the playbook told its operator when it failed."""
    found = re.search(r"^    msg: (?:[|>]-?\n)?(.*(?:\n {8}.*)*)", said, re.MULTILINE)
    assert found, said[-4000:]
    return " ".join(found[1].split())
