"""What holds for all tests: a browser on a busy machine gets its time."""

from playwright import async_api, sync_api

PATIENCE_MS = 30_000

for api in (async_api, sync_api):
    api.expect.set_options(timeout=PATIENCE_MS)
