"""Memory of faces stays in RAM: never in a swap file, a core dump or another process's hands."""

from __future__ import annotations

import ctypes
import logging
import os
import resource

log = logging.getLogger(__name__)

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
PR_SET_DUMPABLE = 4


def keep_in_ram() -> None:
    """Ask the kernel for all of it; what it refuses, the unit still forbids.

    Pages are locked when they are touched (``MCL_ONFAULT``, mlockall(2)): locking all that was ever
    reserved would take four times the memory.
    """
    # A crash must not leave what we hold in a file; systemd's unit says the same of the whole.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    # Nor may a process of the same user look into it (prctl(2)).
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    # With a limit it would work until the memory that a model needs is refused.
    if limit != resource.RLIM_INFINITY and os.geteuid() != 0:
        log.debug("event=memory_not_locked reason=limit of %d bytes", limit)
    elif libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        log.debug("event=memory_not_locked reason=%s", os.strerror(ctypes.get_errno()))
