"""A real Mosquitto with a configuration of the test's own, which can be stopped and started again on its port."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from tests.conftest import free_port, require_program
from tests.fakes.programs import Program, Start, wait_until


class Mosquitto:
    """Runs from the start; ``{port}`` in the configuration stands for its port."""

    def __init__(self, start: Start, folder: Path, config: str = "listener {port} 127.0.0.1\nallow_anonymous true\n") -> None:
        self.port = free_port()
        self._start, self._config = start, folder / f"mosquitto-{self.port}.conf"
        # as root it would become a user who may not read the test's files
        self._config.write_text("user root\n" + config.replace("{port}", str(self.port)))
        self._program: Program | None = None
        self.start()

    def url(self, scheme: str = "mqtt") -> str:
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._program is not None
        return self._program.pid

    def start(self) -> None:
        program = self._program = self._start(require_program("mosquitto"), "-c", str(self._config))
        wait_until(lambda: self._answers() or not program.running, "mosquitto answers")
        assert program.running, program.stderr

    def stop(self) -> None:
        assert self._program is not None
        self._program.signal(signal.SIGKILL)
        self._program.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=0.5).close()
        except OSError:
            return False
        return True
