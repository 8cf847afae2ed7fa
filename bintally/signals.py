"""Stopping between two steps instead of in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Turn SIGINT, SIGTERM and SIGHUP (a closed terminal) into an event that a loop looks at, or waits for, between steps."""
    asked = threading.Event()

    def ask(*_: object) -> None:
        # Event.set takes a lock that the main thread may hold in wait() when the handler interrupts it
        threading.Thread(target=asked.set, name="stop").start()

    before: dict[int, Callable[..., Any] | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background jobs mean it
                before[number] = signal.signal(number, ask)
    try:
        yield asked
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
