"""The ledger with a hundred thousand bins and a million counts: imports, taking in, and what pages and planners ask.

python -m tests.bench.ledger
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bintally.messages import CountData, CountEvent, ModelName
from bintally.topics import Station
from tests.fakes.postgres import serving
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger, bins, cases, counts, holes
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import expect
from warehouse.ledger.places import import_places
from warehouse.ledger.replay import replay
from warehouse.ledger.sheets import read_books, read_places
from warehouse.ledger.tables import COUNTS

BINS, STATIONS, EVENTS, TAKEN, BATCH, BOOKED, WRONG = 100_000, 1000, 1_000_000, 40_000, 500, 5, 33
ROUNDS = 20
SITE, START, MODEL = "hall", datetime(2026, 11, 22, 8, tzinfo=timezone.utc), ModelName(name="m", version="1.0.0", digest="d" * 64)
RULES = Rules()


@dataclass(frozen=True)
class Figure:
    """What was measured: the best of its repeats, and the median."""

    what: str
    best: float
    median: float
    unit: str


def main(events: int = EVENTS, kinds: tuple[str, ...] = ("SQLite", "PostgreSQL")) -> None:
    """Print the table."""
    print(f"the ledger: {BINS:,} bins, {events:,} counts, one in {WRONG} bins wrong, one thread; best (median)")
    tables = [measured(kind, events) for kind in kinds]
    print(f"{'':58}" + "".join(f"{kind:>26}" for kind in kinds))
    for row in zip(*tables, strict=True):
        print(f"{row[0].what:58}" + "".join(f"{one.best:>11.1f} ({one.median:.1f}) {one.unit}".rjust(26) for one in row))


def measured(kind: str, events: int) -> list[Figure]:
    """All figures with one kind of database, told as they come."""
    found = []
    with _ledger(kind) as ledger:
        for figures in (_imports(ledger), _taking(ledger), _asking(ledger, events), _replaying(ledger)):
            for figure in figures:
                print(f"  {kind}: {figure.what}: {figure.best:.1f} ({figure.median:.1f}) {figure.unit}", file=sys.stderr)
                found.append(figure)
    return found


@contextmanager
def _ledger(kind: str) -> Iterator[Ledger]:
    if kind == "PostgreSQL":
        with serving(durable=True) as server, Ledger(server.url) as ledger:
            yield ledger
    else:
        with tempfile.TemporaryDirectory() as folder, Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}") as ledger:
            yield ledger


def _imports(ledger: Ledger) -> Iterator[Figure]:
    """Books and places as CSV files; the second file of the books has ten rows that differ."""
    for what, first in (("import of 100,000 rows, all new", BOOKED), ("the same with 10 that differ", BOOKED + 1)):
        rows = "".join(f"{_bin(number)},{first if number < 10 else BOOKED},article {number // 3},1.5\n" for number in range(BINS))
        sheet = f"bin,quantity,article,value\n{rows}".encode()

        def books(sheet: bytes = sheet, first: int = first) -> None:
            with ledger.begin() as tx:
                expect(tx, read_books(sheet, "books", SITE), "bench", "csv", START + timedelta(seconds=first))

        yield _figure(what, [_seconds(books)], "s")
    places = "".join(f"{_bin(number)},{number // 2000},{number % 2000 // 10},zone {number // 20_000}\n" for number in range(BINS))
    with ledger.begin() as tx:
        import_places(tx, read_places(f"bin,aisle,position_m,zone\n{places}".encode(), "places", SITE), "bench", START)


def _taking(ledger: Ledger) -> Iterator[Figure]:
    """Batches as the subscriber hands them over: each station counts its 100 bins in turn."""
    draw, took = random.Random(1), []  # noqa: S311
    for first in range(0, TAKEN, BATCH):
        batch = [_count(number, draw) for number in range(first, first + BATCH)]
        now = START + timedelta(seconds=10 + first / STATIONS)

        def commit(batch: list[Arrived] = batch, now: datetime = now) -> None:
            with ledger.begin() as tx:
                take(tx, batch, RULES, now)

        took.append(_seconds(commit))
    figure = _figure("", took[4:], "")
    yield Figure(f"taking in, batches of {BATCH}: events", BATCH / figure.best, BATCH / figure.median, "/s")


def _asking(ledger: Ledger, events: int) -> Iterator[Figure]:
    _fill(ledger, events)
    draw = random.Random(2)  # noqa: S311

    def ask(what: str, query: Callable[[sa.Connection], Any]) -> Figure:
        def once() -> None:
            with ledger.read() as tx:
                query(tx)

        once()
        return _figure(what, [1000 * _seconds(once) for _ in range(ROUNDS)], "ms")

    yield ask("one bin: view, place, discrepancy", lambda tx: bins.bin_of(tx, SITE, _bin(draw.randrange(BINS))))
    yield ask("100 bins of a zone", lambda tx: bins.bins(tx, SITE, zone="zone 3"))
    yield ask("the 100 costliest bins", lambda tx: bins.bins(tx, SITE, order="cost"))
    yield ask("the 100 costliest open discrepancies", lambda tx: cases.page(tx, state="unsettled", site=SITE))
    yield ask("the same of a zone", lambda tx: cases.page(tx, state="unsettled", site=SITE, zone="zone 3"))
    yield ask("the last 100 counts of a bin", lambda tx: counts.page(tx, site=SITE, bin=_bin(draw.randrange(BINS))))
    yield ask("the last 100 counts of a station", lambda tx: counts.page(tx, source=f"{SITE}/station-{draw.randrange(STATIONS)}"))
    yield ask("stations' epochs that have holes", holes.epochs)


def _replaying(ledger: Ledger) -> Iterator[Figure]:
    def again() -> None:
        with ledger.begin() as tx:
            replay(tx)

    yield _figure("replay of all", [_seconds(again)], "s")


def _fill(ledger: Ledger, events: int) -> None:
    """Copy the counts that were taken in, as counts of other epochs, until there are so many."""
    names = [column.name for column in COUNTS.c if column.name not in ("number", "event_id")]
    for copy in range(1, events // TAKEN):
        epoch = f"{copy:022x}"
        event_id = sa.literal(f"{epoch}-") + sa.func.substr(COUNTS.c.event_id, 24)
        rows = sa.select(event_id, *(COUNTS.c[name] for name in names)).where(COUNTS.c.event_id.startswith("a" * 22))
        with ledger.begin() as tx:
            tx.execute(sa.insert(COUNTS).from_select(["event_id", *names], rows))
    with ledger.begin() as tx:
        tx.execute(sa.text("ANALYZE"))  # PostgreSQL does so itself, a minute later


def _count(number: int, draw: random.Random) -> Arrived:
    place, station = number % STATIONS, Station(SITE, f"station-{number % STATIONS}")
    of_station = BINS // STATIONS
    bin_ = place * of_station + draw.randrange(of_station)
    quantity = BOOKED if bin_ % WRONG else BOOKED - 2
    data = CountData(
        counted=quantity,
        at_least=None,
        unsure=False,
        confidence=0.97,
        probabilities=[0.97 if one == quantity else 0.005 for one in range(7)],
        taken_at=START + timedelta(seconds=10 + number / STATIONS),
        frame_ms=5.0,
        model=MODEL,
        trigger=draw.choice(["settled", "heartbeat"]),
        evidence=f"{number}.jpg",
    )
    name = f"{'a' * 22}-{number // STATIONS + 1}"
    return Arrived(station, CountEvent(source=station.source, id=name, subject=_bin(bin_), time=data.taken_at, data=data))


def _bin(number: int) -> str:
    return f"B-{number:06d}"


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _figure(what: str, values: list[float], unit: str) -> Figure:
    return Figure(what, min(values), statistics.median(values), unit)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"))
    options = parser.parse_args()
    main(options.events, (options.database,) if options.database else ("SQLite", "PostgreSQL"))
