"""A tap on everything that the device writes and sends while it watches faces.

Each of the three processes runs under strace, which shows every system call that can carry bytes
out of it, with all of the bytes. That is below Python, SQLite, OpenVINO and any other library, and
needs nothing of them; a preloaded library would miss calls that are made directly, and a watch on
files sees neither sockets nor what was written.

=================  ===============================================================================
trace.py           strace's lines to calls
ledger.py          calls to channels; a call that belongs to none is an offence
scan.py            what no channel may carry: pictures, crops, embeddings
shapes.py          a document against a frozen list of its fields
fields.py          the frozen lists: read its head when this test fails
kept_fields.py     the same of the state file
speech.py          channels: audience socket, log lines, readiness, noise, wake-ups
mqtt.py            channel: the broker
pages.py           channel: the pages on loopback
state.py           channel: the state file, every commit of it
verdict.py         one channel, one checker; all of them together
shop.py            the real processes under the tap, with a broker, a screen and an operator
=================  ===============================================================================

A checker returns offences, which are sentences; none is what a test wants to see.
"""
