"""The ledger under load: a thousand stations through a real Mosquitto into SQLite and PostgreSQL, without and with a listener that is killed.

python -m tests.bench.wms --seconds 600
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from bintally.errors import UnavailableError
from bintally.messages import utc_now
from tests.bench.crowd import BINS, EXPECTED, SITE, bin_of, name_of
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.postgres import serving
from tests.fakes.programs import BINTALLY, Program, Start, programs, wait_until
from warehouse.ledger import Ledger, expectations
from warehouse.ledger.tables import COUNTS, DEAD_LETTERS

STATIONS, CONNECTIONS, KILLS = 1000, 50, 20
SECONDS = 60
DATABASES = ("SQLite", "PostgreSQL")
# as bintally fleet broker-config writes it, without TLS
BROKER = (
    "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 1000000000\nmax_queued_bytes 0\n"
    "max_inflight_messages 200\nmax_inflight_bytes 0\npersistence false\n"
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figures:
    """Of one run; times in seconds, CPU in shares of one core."""

    events: int
    sent: int
    p50_s: float
    p99_s: float
    worst_s: float
    backlog_s: float | None
    listener: float
    broker: float
    crowd: float
    database: float


def main(seconds: int = SECONDS, stations: int = STATIONS, kinds: tuple[str, ...] = DATABASES, kills: tuple[int, ...] = (0, KILLS)) -> None:
    """Print the table."""
    print(f"\n{stations} stations on {CONNECTIONS} connections of one process, a count a second each, {seconds} s; CPU in % of a core")
    print(
        "| database | kills | events, all there once | sent | p50 s | p99 s | worst s | backlog s | listener | Mosquitto | stations | server |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        for number in kills:
            with tempfile.TemporaryDirectory() as folder, _database(kind, Path(folder)) as (url, server):
                print(_row(kind, number, _run(Path(folder), url, server, stations, seconds, number)), flush=True)


def _row(kind: str, kills: int, found: Figures) -> str:
    backlog = "–" if found.backlog_s is None else f"{found.backlog_s:.1f}"
    shares = " | ".join(f"{share:.0%}" for share in (found.listener, found.broker, found.crowd, found.database))
    return f"| {kind} | {kills} | {found.events:,} | {found.sent:,} | {found.p50_s:.3f} | {found.p99_s:.3f} | {found.worst_s:.2f} | {backlog} | {shares} |"


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, int | None]]:
    """An empty database, and the process of its server."""
    if kind == "SQLite":
        yield f"sqlite:///{folder}/ledger.db", None
        return
    with serving(durable=True) as server:
        yield server.url, server.pid


def _run(folder: Path, url: str, server: int | None, stations: int, seconds: int, kills: int) -> Figures:
    _expect(url, stations)
    with programs() as start:
        broker = Mosquitto(start, folder, BROKER)
        assert broker._program is not None
        listener = _listener(start, broker, url)
        crowd = start(
            sys.executable, "-m", "tests.bench.crowd", *map(str, (broker.port, stations, CONNECTIONS, seconds, folder / "times.npz"))
        )
        assert crowd.line() == "ready\n"
        watched = [broker._program.pid, *(() if server is None else (server,))]
        before, began = [_cpu_s(pid) for pid in watched], time.monotonic()
        _begin(crowd)
        spent_s, last_kill = -_cpu_s(listener.pid), None
        for number in range(kills):
            time.sleep(max(0.0, began + (number + 1) * seconds / (kills + 1) - time.monotonic()))
            spent_s += _cpu_s(listener.pid)
            listener.signal(signal.SIGKILL)
            listener.wait()
            last_kill = time.monotonic()
            listener = _listener(start, broker, url, wait=False)
        wait_until(lambda: not crowd.running, "the crowd is done", seconds + 300)
        lasted_s = time.monotonic() - began
        spent_s += _cpu_s(listener.pid)
        shares = [(_cpu_s(pid) - then) / lasted_s for pid, then in zip(watched, before, strict=True)]
        assert crowd.wait() == 0, crowd.stderr
        assert listener.running, listener.stderr
    return _figures(np.load(folder / "times.npz"), url, last_kill, lasted_s, [spent_s / lasted_s, *shares])


def _figures(times: Mapping[str, Any], url: str, last_kill: float | None, lasted_s: float, shares: list[float]) -> Figures:
    due, acked = times["due"], times["acked"]
    if np.isnan(acked).any():
        raise UnavailableError(f"{np.isnan(acked).sum()} of {acked.size} events were never acknowledged")
    _check(url, *due.shape)
    waits = np.sort((acked - due).ravel())
    backlog_s = None if last_kill is None else float(acked[due <= last_kill].max() - last_kill)
    p50, p99 = (float(waits[int(share * (waits.size - 1))]) for share in (0.5, 0.99))
    listener, broker, *server = shares
    return Figures(
        waits.size,
        int(times["sent"]),
        p50,
        p99,
        float(waits[-1]),
        backlog_s,
        listener,
        broker,
        float(times["cpu_s"]) / lasted_s,
        sum(server),
    )


def _check(url: str, stations: int, each: int) -> None:
    """Every event is in the ledger, once, and nothing else is."""
    with Ledger(url) as ledger, ledger.read() as tx:
        found = tx.execute(
            sa.select(COUNTS.c.source, sa.func.count(), sa.func.count(COUNTS.c.event_id.distinct())).group_by(COUNTS.c.source)
        ).all()
        letters = tx.scalar(sa.select(sa.func.count()).select_from(DEAD_LETTERS))
    wanted = sorted((f"{SITE}/{name_of(station)}", each, each) for station in range(stations))
    if sorted((source, rows, events) for source, rows, events in found) != wanted or letters:
        raise UnavailableError(
            f"the ledger holds {sum(rows for _, rows, _ in found)} events, {letters} dead letters; {stations * each} were sent"
        )


def _expect(url: str, stations: int) -> None:
    """The books know every bin."""
    now = utc_now()
    rows = [
        expectations.Row(site=SITE, bin=bin_of(station, number), quantity=EXPECTED, at=now, article=None, value=1.0)
        for station in range(stations)
        for number in range(BINS)
    ]
    with Ledger(url) as ledger, ledger.begin() as tx:
        expectations.expect(tx, rows, by="bench", origin="api", now=now)


def _listener(start: Start, broker: Mosquitto, url: str, *, wait: bool = True) -> Program:
    program = start(*BINTALLY, "wms", "listen", "--broker", broker.url(), "--ledger", url, "--quiet")
    if wait:
        wait_until(lambda: "receiving" in program.stderr or not program.running, "it listens")
        assert program.running, program.stderr
    return program


def _begin(crowd: Program) -> None:
    assert crowd._process.stdin is not None
    crowd._process.stdin.write("go\n")
    crowd._process.stdin.flush()


def _cpu_s(pid: int) -> float:
    """Of a process and its children, those that ended included."""
    spent = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == pid or int(fields[1]) == pid:
            spent += sum(map(int, fields[11:15] if int(entry.name) == pid else fields[11:13])) / _TICKS
    return spent


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The ledger under load.")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--stations", type=int, default=STATIONS)
    parser.add_argument("--database", action="append", choices=["SQLite", "PostgreSQL"])
    parser.add_argument("--kills", type=int, action="append")
    options = parser.parse_args()
    main(options.seconds, options.stations, tuple(options.database or DATABASES), tuple(options.kills or (0, KILLS)))
