"""An authority, a real Mosquitto with the configuration that the command makes, and who connects to it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bintally.messages.base import utc_now
from bintally.topics import Station
from deploy.fleet.cli import fleet
from deploy.fleet.enrol import certificates
from deploy.fleet.enrol.authority import Authority
from deploy.fleet.enrol.holder import Holder
from deploy.fleet.enrol.station import archived
from tests.conftest import free_port, require_program
from tests.deploy.fleet.enrol.peer import Files, Peer
from tests.fakes.programs import Program, Start, programs, wait_until


def no_passphrase(name: str) -> str:
    raise AssertionError(f"nobody should be asked for the passphrase of {name}")


@dataclass
class Plant:
    """A broker, its authority, and the files of everyone who was enrolled."""

    folder: Path
    start_program: Start
    port: int = field(default_factory=free_port)
    held: dict[str, Files] = field(default_factory=dict)
    broker: Program | None = None

    @property
    def ca(self) -> Path:
        return self.folder / "ca"

    def make(self) -> None:
        assert fleet(["ca", "init", str(self.ca)]) == 0
        self.configure()
        config = self.folder / "broker" / "mosquitto.conf"
        if os.geteuid() == 0:  # it would become a user who may not read the test's files
            config.write_text("user root\n" + config.read_text())
        self.start()

    def configure(self) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        where = ["--host", "127.0.0.1", "--listen", "127.0.0.1", "--port", str(self.port), "--data", str(data)]
        assert (
            fleet(["broker-config", str(self.ca), "--out", str(self.folder / "broker"), "--folder", str(self.folder / "broker"), *where])
            == 0
        )

    def start(self) -> None:
        broker = self.broker = self.start_program(require_program("mosquitto"), "-c", str(self.folder / "broker" / "mosquitto.conf"))
        wait_until(lambda: _answers(self.port) or not broker.running, "mosquitto answers")
        assert broker.running, broker.stderr

    def restart(self) -> None:
        assert self.broker is not None
        self.broker.signal(signal.SIGTERM)
        self.broker.wait()
        self.start()

    @property
    def log(self) -> str:
        """What the broker said since its last start."""
        assert self.broker is not None
        return self.broker.stderr

    def role(self, role: str) -> Files:
        if role not in self.held:
            out = self.folder / role
            assert fleet(["enroll", str(self.ca), "--role", role, "--out", str(out)]) == 0
            self.held[role] = Files(out / f"{role}.crt", out / f"{role}.key")
        return self.held[role]

    def station(self, site: str, station: str) -> Files:
        """The certificate and key that a station finds in its archive."""
        source = Station(site, station).source
        if source not in self.held:
            broker = f"mqtts://127.0.0.1:{self.port}"
            assert fleet(["enroll", str(self.ca), site, station, "--broker", broker, "--out", str(self.folder)]) == 0
            packed = (self.folder / f"{source.replace('/', '.')}.tar.gz").read_bytes()
            self.held[source] = self._files(f"unpacked-{len(self.held)}", archived(packed, "station.crt"), archived(packed, "station.key"))
        return self.held[source]

    def anybody(self, common_name: str, now: datetime | None = None) -> Files:
        """A certificate that the commands would not give, from the right authority."""
        key, authority = certificates.new_key(), Authority(self.ca, no_passphrase)
        issued = certificates.issue(authority._signer(), Holder(common_name), key.public_key(), now or utc_now(), timedelta(days=1))
        return self._files(f"anybody-{issued.serial_number}", certificates.certificate_pem(issued), certificates.key_pem(key))

    def connect(self, files: Files | None, **options: object) -> Peer:
        return Peer(self.port, self.ca / "ca.pem", files, **options)  # type: ignore[arg-type]

    def _files(self, name: str, certificate: bytes | None, key: bytes | None) -> Files:
        assert certificate is not None
        assert key is not None
        files = Files(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        files.certificate.write_bytes(certificate)
        files.key.write_bytes(key)
        return files


@pytest.fixture(scope="package")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Shared by all tests here; stations have names of their own in each."""
    with programs() as start:
        made = Plant(tmp_path_factory.mktemp("plant"), start)
        made.make()
        yield made


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
