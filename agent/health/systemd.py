"""What systemd is told: ready, status, watchdog, stopping, as datagrams to NOTIFY_SOCKET.

Source: sd_notify(3) and sd_watchdog_enabled(3).
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping

import structlog

_SEND_TIMEOUT_S = 1.0
_FEEDS = 3
"""Watchdog messages sent in the time after which systemd restarts the agent."""
log = structlog.get_logger()


class Systemd:
    """The service manager; every method does nothing where the agent was not started by one.

    Args:
        environment: with NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
        pid: this process's.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, pid: int | None = None) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._every_s = _watchdog_s(environment, os.getpid() if pid is None else pid) / _FEEDS
        self._next_feed, self._said = -math.inf, ""

    def ready(self, status: str = "") -> None:
        """The start is over."""
        self._said = _line(status)
        self._send("READY=1", f"STATUS={self._said}")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows; sent when it changed."""
        if _line(text) != self._said:
            self._said = _line(text)
            self._send(f"STATUS={self._said}")

    def tick(self, now: float) -> None:
        """Feed the watchdog; to be called by the main loop itself, so that a loop that hangs is restarted.

        Args:
            now: monotonic seconds.
        """
        if math.isfinite(self._every_s) and now >= self._next_feed:
            self._next_feed = now + self._every_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent stops on purpose."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(_SEND_TIMEOUT_S)
                manager.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:  # counting goes on without a service manager that listens
            log.warning("systemd does not listen", reason=str(error))


def _address(name: str) -> str:
    """A path, or the name of an abstract socket with the zero byte that Linux wants; other kinds are for virtual machines."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float:
    """Seconds after which systemd restarts; infinite without a watchdog, or where it is meant for another process."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return math.inf
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) > 0 else math.inf


def _line(text: str) -> str:
    """A line break in a status would begin another assignment."""
    return " ".join(text.split())
