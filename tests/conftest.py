"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.programs import Start, programs, wait_until

_REQUIRE_ALL = "BINTALLY_REQUIRE_ALL"


def pytest_configure() -> None:
    """Background jobs ignore SIGINT and hand that on to the programs that tests start; these must see it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def require_program(name: str) -> str:
    """Where a program is; without it the test is skipped, or fails where BINTALLY_REQUIRE_ALL is set."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if found is None:
        if os.environ.get(_REQUIRE_ALL):
            pytest.fail(f"{name} is not installed, and {_REQUIRE_ALL} is set")
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of who runs it."""
    for name in [name for name in os.environ if name.startswith("BINTALLY_") and name != _REQUIRE_ALL]:
        monkeypatch.delenv(name)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs that end with the test."""
    with programs() as started:
        yield started


@pytest.fixture
def site() -> str:
    """A site that no other test publishes to, so that tests can share a broker."""
    return f"site-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """The broker that ships with bintally."""
    with programs() as started:
        broker = started(sys.executable, "-m", "deploy.broker")
        word, port = broker.line().split()
        assert word == "ready"
        yield f"mqtt://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Mosquitto."""
    program = require_program("mosquitto")
    config = tmp_path_factory.mktemp("mosquitto") / "mosquitto.conf"
    port = free_port()
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with programs() as started:
        broker = started(program, "-c", str(config))
        wait_until(lambda: _answers(port) or not broker.running, "mosquitto answers")
        assert broker.running, broker.stderr
        yield f"mqtt://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def bin_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few rendered bins in ABID's layout."""
    from bintally.scenes import write_scenes

    out = tmp_path_factory.mktemp("photos")
    assert len(list(write_scenes(out, 6, seed=5))) == 6
    return out


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle file that counts grey frames."""
    from tests.fakes.bundle import tiny_bundle_bytes

    path = tmp_path_factory.mktemp("bundle") / "grey.onnx"
    path.write_bytes(tiny_bundle_bytes())
    return path


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
