"""A private PostgreSQL server for tests, from the system's package."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port, require_program
from tests.fakes.programs import programs, wait_until

_DEBIAN = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    """Where a program of the newest server is; Debian leaves them out of the PATH."""
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(found[-1]) if found else require_program(name)


@dataclass(frozen=True)
class Server:
    """A running server: the URL of its empty database, and its first process."""

    url: str
    pid: int


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of an empty database on the loopback."""
    with serving() as server:
        yield server.url


@contextmanager
def serving(*, durable: bool = False) -> Iterator[Server]:
    """A server for as long as the block lasts; it refuses root, who gives it to «nobody».

    Args:
        durable: whether it waits for the disk, as one that is measured must.
    """
    initdb, server = _program("initdb"), _program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="bintally-pg-"))  # a socket's path is short, and «nobody» must reach it
    as_user: list[str] = []
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = [require_program("setpriv"), f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    data, port = folder / "data", free_port()
    try:
        words = ["--auth=trust", "--username=tests", "--encoding=UTF8", "--locale=C", "--no-sync", f"--pgdata={data}"]
        subprocess.run([*as_user, initdb, *words], check=True, capture_output=True, timeout=120, cwd=folder)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "on" if durable else "off",
            "max_connections": 50,
        }
        with programs() as started:
            running = started(*as_user, server, "-D", str(data), *(f"--{name}={value}" for name, value in options.items()))
            wait_until(lambda: "ready to accept connections" in running.stderr or not running.running, "PostgreSQL answers")
            assert running.running, running.stderr
            yield Server(f"postgresql://tests@127.0.0.1:{port}/postgres", running.pid)
            running.signal(signal.SIGINT)  # SIGTERM waits until the last client has left
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
