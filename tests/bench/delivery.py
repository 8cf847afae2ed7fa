"""The delivery's figures: commits a second, events a second from the outbox to the ledger and back, and a long backlog."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.delivery.courier import Courier
from agent.delivery.link import Link
from agent.delivery.outbox import Outbox
from agent.status import Status
from bintally.brokers import broker_access
from bintally.errors import UnavailableError
from bintally.messages import CountEvent
from bintally.topics import Station
from tests.fakes.events import count_event
from tests.fakes.ledgers import counts
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import BINTALLY, Start, programs
from warehouse.ledger import Ledger

STATION = Station("bench", "commits")
GROUP, BINS = 250, 20
EVENTS, BACKLOG = 10_000, 100_000


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        _commits(Path(name) / "commits")
        with programs() as start:
            embedded = start(sys.executable, "-m", "deploy.broker")
            _end_to_end("embedded broker", f"mqtt://127.0.0.1:{embedded.line().split()[1]}", Path(name) / "embedded", start, EVENTS)
        with programs() as start:
            mosquitto = Mosquitto(start, Path(name))
            _end_to_end("Mosquitto", mosquitto.url(), Path(name) / "mosquitto", start, EVENTS)
            _end_to_end("Mosquitto", mosquitto.url(), Path(name) / "backlog", start, BACKLOG)


def _commits(folder: Path) -> None:
    outbox = Outbox(folder, STATION)
    singles = _seconds(lambda: [outbox.add(partial(_event, STATION.source, number)) for number in range(300)])
    groups = _seconds(lambda: _fill(outbox, STATION.source, EVENTS))
    outbox.close()
    print(f"outbox, synced: {300 / singles:,.0f} counts a second one by one, {EVENTS / groups:,.0f} in groups of {GROUP}")


def _end_to_end(broker: str, url: str, folder: Path, start: Start, number: int) -> None:
    """Time from a full outbox until the ledger, a program of its own, has acknowledged everything."""
    folder.mkdir()
    database = f"sqlite:///{folder}/ledger.db"
    command = shlex.join((*BINTALLY, "wms", "listen", "--broker", url, "--ledger", database, "--json"))
    warehouse = start("sh", "-c", f"exec {command} > /dev/null")  # this process is measured and must not keep its lines
    while "receiving" not in warehouse.stderr:
        time.sleep(0.05)
    station = Station("bench", folder.name)
    outbox = Outbox(folder / "state", station)
    link = Link(broker_access(url), station, outbox.epoch)
    courier = Courier(outbox, link, Status(), by_broker=False, patience_s=120, stop=threading.Event())
    _fill(outbox, station.source, number)
    most = [before := _resident_bytes()]
    courier.start()
    spent = _seconds(lambda: _wait(outbox, most))
    courier.close()
    outbox.close()
    ledger = Ledger(database)
    held = len(counts(ledger))
    ledger.close()
    if held != number:
        raise UnavailableError(f"{held} of {number} counts are in the ledger")
    print(
        f"{broker}: {number:,} counts published and acknowledged by the ledger in {spent:.1f} s, {number / spent:,.0f} a second; "
        f"resident {before / 2**20:.0f} MiB before, {most[0] / 2**20:.0f} at most"
    )


def _wait(outbox: Outbox, most: list[int]) -> None:
    while outbox.depth():
        most[0] = max(most[0], _resident_bytes())
        time.sleep(0.02)


def _fill(outbox: Outbox, source: str, number: int) -> None:
    for first in range(0, number, GROUP):
        outbox.add_all([partial(_event, source, first + one) for one in range(GROUP)])


def _event(source: str, number: int, event_id: str) -> CountEvent:
    return count_event(event_id, source, number % 6).model_copy(update={"subject": f"bin-{number % BINS}"})


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
