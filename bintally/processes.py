"""What a child process does first that works for its parent alone."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import IO

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Be killed when the parent's thread that started this process ends, however it ends; at once where it did already.

    Args:
        parent: process id, told by the parent itself: whoever asks later may be a stepchild by then.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def own_stdout() -> IO[str]:
    """Keep standard output for what the parent reads; drivers, codecs and libraries, which print too, write to standard error from now on."""
    own = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return own
