"""Head office: gathers what the devices of a fleet send, shows it, and says what they should run.

Comes in: messages of every device's branch, what operators want. Goes out: one database, pages and
an API, acknowledgements after each commit, signed documents and commands. It is a house of its own:
``store`` keeps, ``reading`` asks, ``ingest`` takes in, ``authority`` vouches, ``courier`` sends,
``web`` shows, ``office`` runs it all; each has its door. None ever speaks to a device but by MQTT.
"""
