"""What systemd hears, on a real socket."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.health.systemd import Systemd


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": name}

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = f"bintally-{uuid.uuid4().hex}"
    path = str(tmp_path / "notify")
    manager = Manager(path, path) if request.param == "path" else Manager(f"\0{name}", f"@{name}")
    yield manager
    manager.close()


def test_a_whole_life_is_heard(manager: Manager) -> None:
    systemd = Systemd({**manager.environment, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, pid=77)
    systemd.ready("no camera")
    systemd.tick(100.0)
    systemd.status("counting")
    systemd.stopping()
    assert manager.heard() == ["READY=1\nSTATUS=no camera", "WATCHDOG=1", "STATUS=counting", "STOPPING=1"]


def test_the_watchdog_is_fed_three_times_in_its_time_and_only_by_the_loop(manager: Manager) -> None:
    systemd = Systemd({**manager.environment, "WATCHDOG_USEC": "30000000"}, pid=77)
    for tenth in range(300):
        systemd.tick(100.0 + tenth / 10)
    assert manager.heard() == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "78"}])
def test_a_watchdog_that_is_not_ours_is_not_fed(manager: Manager, watchdog: dict[str, str]) -> None:
    systemd = Systemd({**manager.environment, **watchdog}, pid=77)
    systemd.tick(0.0)
    systemd.tick(1000.0)
    assert manager.heard() == []


def test_the_same_status_is_said_once_and_a_line_break_cannot_forge_another_word(manager: Manager) -> None:
    systemd = Systemd(manager.environment)
    for _ in range(3):
        systemd.status("disk full\nSTOPPING=1")
    assert manager.heard() == ["STATUS=disk full STOPPING=1"]


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative", "/nowhere/notify"])
def test_without_a_manager_that_listens_the_agent_goes_on(name: str) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"})
    systemd.ready()
    systemd.tick(1.0)
    systemd.stopping()
