"""A real server, as a child process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.deploy.cloud.endpoint.asking import wait_ready
from tests.fakes.programs import Program, programs

MAX_BODY_BYTES, MAX_IMAGES, MAX_PIXELS, MAX_REQUESTS = 200_000, 4, 1_000_000, 2


@dataclass(frozen=True)
class Server:
    """Its port and its process."""

    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(bundle: Path, **settings: object) -> Iterator[Server]:
    """A server that is ready."""
    port = free_port()
    words = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    with programs() as start:
        program = start(
            sys.executable, "-m", "deploy.cloud.endpoint", "serve", "--bundle", str(bundle), "--port", str(port), "--threads", "1", *words
        )
        wait_ready(program, port)
        yield Server(port, program)


@pytest.fixture(scope="session")
def server(tiny_bundle: Path) -> Iterator[Server]:
    """One that all tests share; its limits are small."""
    limits = {"max_body_bytes": MAX_BODY_BYTES, "max_images": MAX_IMAGES, "max_pixels": MAX_PIXELS, "max_requests": MAX_REQUESTS}
    with serving(tiny_bundle, **limits) as running:
        yield running


@pytest.fixture
def port(server: Server) -> int:
    return server.port
