"""A small plant that faults are tried on: a camera or folder, an agent, a network that can fail, Mosquitto, and the real ledger."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bintally.messages import Range
from bintally.topics import Station
from tests.fakes.bundle import write_grey_images
from tests.fakes.ledgers import counts
from tests.fakes.ledgers import gaps as gaps_of
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import BINTALLY, Program, Start, wait_until
from tests.fakes.proxy import Proxy
from warehouse.ledger import Ledger

LONG_S = 180.0
"""How long the plant may take to come to rest after a fault."""


@dataclass
class Row:
    """What a fault did to the counts."""

    fault: str
    times: int
    committed: int
    in_ledger: int
    missing: int
    told: int
    stale: int = 0

    HEADING = f"{'fault':<58} {'times':>5} {'committed':>9} {'in ledger':>9} {'missing':>7} {'told as gap':>11} {'twice':>5} {'stale':>5}"

    def __str__(self) -> str:
        twice = self.in_ledger - (self.committed - self.missing)
        return f"{self.fault:<58} {self.times:>5} {self.committed:>9} {self.in_ledger:>9} {self.missing:>7} {self.told:>11} {twice:>5} {self.stale:>5}"


@dataclass
class Plant:
    """Everything of one test; the broker is reached through ``proxy``."""

    start: Start
    folder: Path
    bundle: Path
    source: str = ""
    truth: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.station = Station("plant", "pick-3")
        self.state = self.folder / "state"
        self.mosquitto = Mosquitto(self.start, self.folder)
        self.proxy = Proxy(self.mosquitto.port)
        if not self.source:
            write_grey_images(self.folder / "frames", [0, 1, 2, 3, 4, 5, 6, 1.5])
            self.source = str(self.folder / "frames")
        self.listener = self.listen()

    def listen(self) -> Program:
        """Start the ledger's subscriber, beside the proxy."""
        self.listener = self.start(*BINTALLY, "wms", "listen", "--broker", self.mosquitto.url(), "--ledger", self._url, "--json")
        return self.listener

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.folder}/ledger.db"

    def agent(self, *more: str, env: dict[str, str] | None = None) -> Program:
        options = ["--source", self.source, "--bundle", str(self.bundle), "--broker", f"mqtt://127.0.0.1:{self.proxy.port}"]
        options += ["--site", self.station.site, "--station", self.station.station, "--state-dir", str(self.state), "--threads", "1"]
        self.newest = self.start(*BINTALLY, "agent", "run", *options, "--interval-s", "0.02", *more, env=env)
        return self.newest

    def look(self) -> int:
        """Read what is committed by now, and remember the most of each epoch; returns how many wait."""
        path = self.state / "outbox.sqlite"
        if not path.is_file():
            return 0
        with closing(sqlite3.connect(path, timeout=10)) as db:
            try:
                for epoch, last in db.execute("SELECT epoch, last_seq FROM epoch"):
                    self.truth[epoch] = max(last, self.truth.get(epoch, 0))
                return int(db.execute("SELECT count(*) FROM event").fetchone()[0])
            except sqlite3.OperationalError:  # not made yet
                return 0

    def kill(self, agent: Program) -> None:
        """As a power cut would end it."""
        agent.signal(signal.SIGKILL)
        agent.wait()
        self.look()

    def counting(self, more: int = 20) -> None:
        """Wait until so many further counts were committed."""
        self.look()
        before = sum(self.truth.values())

        def enough() -> bool:
            self.look()
            assert self.newest.running, self.newest.stderr
            return sum(self.truth.values()) >= before + more

        wait_until(enough, f"{more} more counts", LONG_S)

    def finish(self, agent: Program, fault: str, times: int, stale: int = 0) -> Row:
        """Stop counting, wait until the ledger has all, and compare."""
        agent.signal(signal.SIGTERM)
        assert agent.wait() == 0, agent.stderr
        self.look()
        write_grey_images(self.folder / "last", [1])
        self.source = str(self.folder / "last")
        last = self.agent("--once", "--broker-patience-s", str(LONG_S))
        assert last.wait(LONG_S) == 0, last.stderr
        self.look()
        self.listener.signal(signal.SIGTERM)
        self.listener.wait()
        return self._row(fault, times, stale)

    def _row(self, fault: str, times: int, stale: int) -> Row:
        ledger = Ledger(self._url)
        found = {_position(row["event_id"]) for row in counts(ledger)}
        gaps = [Range(epoch=gap["epoch"], first=gap["first"], last=gap["last"]) for gap in gaps_of(ledger)]
        rows = len(counts(ledger))
        ledger.close()
        told = {(one.epoch, seq) for one in gaps for seq in range(one.first, one.last + 1)}
        wanted = {(epoch, seq) for epoch, last in self.truth.items() for seq in range(1, last + 1)}
        gap_events = len(wanted & _gap_events(self._url))
        missing = wanted - found - _gap_events(self._url)
        return Row(fault, times, len(wanted) - gap_events, rows, len(missing), len(missing & told), stale)

    def close(self) -> None:
        self.proxy.close()


def _gap_events(url: str) -> set[tuple[str, int]]:
    ledger = Ledger(url)
    found = {_position(gap["event_id"]) for gap in gaps_of(ledger)}
    ledger.close()
    return found


def _position(event_id: str) -> tuple[str, int]:
    epoch, _, seq = event_id.partition("-")
    return epoch, int(seq)
