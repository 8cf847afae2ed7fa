"""Several workers on one ledger: whoever is first, each event is taken in once, and the views are those of some order of the batches."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from bintally.errors import BintallyError
from bintally.topics import Station
from tests.warehouse.ledger.samples import RULES, STATION, at, books, count
from warehouse.ledger import Ledger, cases, counts, stations
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import expect
from warehouse.ledger.replay import replay

SOURCES = [STATION, Station("hall 1", "dock/4"), Station("hall 2", "dock/1")]
BINS = "ABCDEF"


def together(works: list[Callable[[], None]]) -> list[BintallyError]:
    """Run all at once; what went wrong."""
    start, failures = threading.Barrier(len(works)), []

    def run(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BintallyError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return failures


def batches(seed: int) -> list[list[Arrived]]:
    """The same 180 events for every worker, in an order of its own: most of them meet each other."""
    draw = random.Random(seed)  # noqa: S311
    events = [count(number, BINS[number % 6], 3, number, station) for station in SOURCES for number in range(1, 61)]
    draw.shuffle(events)
    return [events[first : first + 20] for first in range(0, len(events), 20)]


def test_workers_that_take_the_same_events_at_once_keep_each_once(ledger: Ledger, url: str) -> None:
    fresh: list[tuple[str, str]] = []

    def worker(seed: int) -> None:
        with Ledger(url) as own:
            for batch in batches(seed):
                with own.begin() as tx:
                    new = take(tx, batch, RULES, at(200))
                fresh.extend(new)

    def importer() -> None:
        with Ledger(url) as own:
            for number in range(15):
                rows = [books(5 - number % 2, number, bin_) for bin_ in reversed(BINS)]
                with own.begin() as tx:
                    expect(tx, rows, "me", "csv", at(200))

    assert together([lambda: worker(1), lambda: worker(2), importer]) == []
    assert len(fresh) == len(set(fresh)) == 180
    with ledger.begin() as tx:
        assert len(counts.page(tx, limit=1000).rows) == 180
        assert len(stations.stations(tx)) == 3
        assert len(cases.page(tx, state="unsettled").rows) > 0
        done = replay(tx)
    assert (done.epochs.changed, done.bins.changed, done.discrepancies.changed) == (0, 0, 0)


def test_one_discrepancy_is_settled_by_one_of_two_who_settle_it_at_once(ledger: Ledger, url: str) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "me", "csv", at(0))
        take(tx, [count(number, "A", 3, number) for number in (1, 2, 3)], RULES, at(10))

    def settle(who: str, quantity: int) -> Callable[[], None]:
        def work() -> None:
            with Ledger(url) as own, own.begin() as tx:
                cases.settle(tx, 1, quantity, who, at(20))

        return work

    (failure,) = together([settle("ann", 3), settle("bob", 4)])
    assert "is settled already (books wrong, by" in str(failure)
    with ledger.read() as tx:
        assert [line.what for line in cases.history(tx, 1)] == ["opened", "settled"]
