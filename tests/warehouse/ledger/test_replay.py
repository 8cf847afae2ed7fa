"""Replay comes to the rows that stand there, after any history; and puts right what does not follow from the facts."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from bintally.errors import UsageError
from bintally.topics import Station
from tests.warehouse.ledger.conftest import empty
from tests.warehouse.ledger.samples import RULES, STATION, at, books, count, gap, sure
from warehouse.ledger import Ledger, cases, retention
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.events import take
from warehouse.ledger.expectations import expect
from warehouse.ledger.places import Place, import_places
from warehouse.ledger.replay import replay
from warehouse.ledger.tables import BINS, COUNTS, DISCREPANCIES, EPOCHS, EXPECTATIONS, PLACES, SIGHTINGS

DAY_S = 86_400
TWO = Station("hall 1", "dock/4")
FAR = Station("h\u00e4ll 2", "dock/4")
BINS_USED, TRIGGERS = ["A", "B", "a", "\u00c4"], ["settled", "settled", "heartbeat"]
VIEWS = (EPOCHS, SIGHTINGS, BINS, DISCREPANCIES)


def rows(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    """All views, row by row."""
    with ledger.read() as tx:
        return {table.name: [dict(row) for row in tx.execute(sa.select(table).order_by(*table.primary_key)).mappings()] for table in VIEWS}


def history(seed: int, length: int) -> list[Any]:
    """Random steps: counts that often disagree with the books, late ones, unknown bins, and people, importers and retention in between."""
    draw = random.Random(seed)  # noqa: S311
    steps: list[Any] = [("books", dict.fromkeys(BINS_USED, 5), 0)]
    for _ in range(length):
        bin_, quantity, ago_s = draw.choice(BINS_USED), draw.choice([3, 3, 5, 5, draw.randint(0, 9)]), draw.choice([0, 0, 5, -15, -45])
        counted = [("count", draw.choice([STATION, TWO, FAR]), draw.choice([*BINS_USED, "new"]), quantity, ago_s, draw.choice(TRIGGERS))]
        other = draw.choice(
            [
                ("gap", draw.choice([STATION, TWO]), draw.randint(1, 20)),
                ("books", {bin_: draw.choice([None, quantity, 5])}, min(ago_s, 0)),
                ("correct", bin_, quantity, min(ago_s, 0)),
                *[(draw.choice(["assign", "assign", "release", "settle"]), draw.randint(0, 5), quantity)] * 4,
                ("place", bin_),
                ("retain", draw.randint(20, 100)),
            ]
        )
        steps.append(("counts", counted * draw.randint(1, 3)) if draw.random() < 0.7 else other)
    return steps


def done(ledger: Ledger, steps_: list[Any]) -> None:
    """Live through a history, ten seconds a step."""
    numbers = {STATION: 0, TWO: 0, FAR: 0}
    for turn, (what, *more) in enumerate(steps_):
        now_s = 10.0 * turn
        if what == "retain":
            limits = retention.Limits(counts=more[0] / DAY_S, audit=200 / DAY_S)
            retention.remove(ledger, limits, at(now_s), step=3)
            continue
        with ledger.begin() as tx, suppress(UsageError):  # of a discrepancy that is settled already
            _step(tx, what, more, now_s, numbers)


def _step(tx: sa.Connection, what: str, more: list[Any], now_s: float, numbers: dict[Station, int]) -> None:
    now = at(now_s)
    if what == "counts":
        arrived = []
        for _, station, bin_, quantity, ago_s, trigger in more[0]:
            numbers[station] += 1
            seen = {"trigger": trigger, "probabilities": sure(quantity), "counted": quantity}
            arrived.append(count(numbers[station], bin_, 0, now_s + ago_s, station, **seen))
        take(tx, arrived, RULES, now)
    elif what == "gap":
        numbers[more[0]] += 2
        take(tx, [gap(numbers[more[0]], 1, more[1], more[0])], RULES, now)
    elif what == "books":
        expect(tx, [books(quantity, now_s + more[1], bin_) for bin_, quantity in more[0].items()], "me", "csv", now)
    elif what == "correct":
        correct(tx, Correction(STATION.site, more[0], more[1], "me", at(now_s + more[2]), "api", f"k{now_s}"), now)
    elif what == "place":
        import_places(tx, [Place(STATION.site, more[0], 0, 1.0)], "me", now)
    else:
        _decide(tx, what, more, now)


def _decide(tx: sa.Connection, what: str, more: list[Any], now: datetime) -> None:
    """One of the discrepancies is assigned, released or settled, if there is any."""
    listed = cases.page(tx, order="changed").rows
    if listed:
        number = listed[more[0] % len(listed)].case.number
        if what == "assign":
            cases.assign(tx, number, "bob", "me", now)
        elif what == "release":
            cases.release(tx, number, "me", now)
        else:
            cases.settle(tx, number, more[1], "bob", now)


def plain_views(ledger: Ledger) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Of each bin its newest count, and what the books say, straight from the facts: the greatest time, then the latest to come in."""
    with ledger.read() as tx:
        counts = tx.execute(sa.select(COUNTS).order_by(COUNTS.c.turn, COUNTS.c.number)).all()
        said = tx.execute(sa.select(EXPECTATIONS).order_by(EXPECTATIONS.c.turn, EXPECTATIONS.c.number)).all()
        places = {(row.site, row.bin) for row in tx.execute(sa.select(PLACES))}
    found = {}
    for key in places | {(row.site, row.bin) for row in [*counts, *said]}:
        of_bin = [row for row in counts if (row.site, row.bin) == key]
        books_ = [row for row in said if (row.site, row.bin) == key]
        newest = sorted(of_bin, key=lambda row: min(row.taken_at, row.received_at))[-1:]  # sorting keeps the order of equals
        expected = sorted(books_, key=lambda row: row.at)[-1:]
        booked = sorted((row for row in books_ if row.origin != "correction"), key=lambda row: row.at)[-1:]
        found[key] = (
            *((row.source, row.event_id, row.counted) for row in newest),
            *((row.quantity, row.article, row.value) for row in expected),
            *((row.quantity, row.at) for row in booked),
        )
    return found


def shown_views(ledger: Ledger) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The same from the views."""
    return {
        (row["site"], row["bin"]): (
            *([(row["source"], row["event_id"], row["counted"])] if row["source"] else []),
            *([(row["expected"], row["article"], row["value"])] if row["expected_at"] else []),
            *([(row["booked"], row["booked_at"])] if row["booked_at"] else []),
        )
        for row in rows(ledger)["bin"]
    }


def _try(ledger: Ledger, steps: list[Any]) -> set[tuple[str, str]]:
    done(ledger, steps)
    before = rows(ledger)
    assert shown_views(ledger) == plain_views(ledger)
    with ledger.begin() as tx:
        replayed = replay(tx)
    assert rows(ledger) == before
    assert (replayed.epochs.changed, replayed.bins.changed, replayed.discrepancies.changed) == (0, 0, 0)
    assert replayed.bins.made == len(before["bin"]) > 4
    return {(row["state"], row["outcome"]) for row in before["discrepancy"]}


def test_replay_comes_to_the_same_rows_after_any_history(ledger: Ledger, url: str) -> None:
    seen: set[tuple[str, str]] = set()
    for seed in (0, 11):
        empty(url)
        seen |= _try(ledger, history(seed, 60))
    outcomes = ("books wrong", "books right", "counted away", "superseded")
    assert seen >= {("open", None), *(("settled", outcome) for outcome in outcomes)}


@pytest.mark.long
def test_replay_comes_to_the_same_rows_after_any_of_many_histories(ledger: Ledger, url: str) -> None:
    for seed in range(100, 250):
        empty(url)
        _try(ledger, history(seed, 40 + seed))


HISTORY = [
    ("books", {"A": 5, "B": 2}, 0),
    *[("counts", [("count", STATION, "A", 3, 0, "settled"), ("count", STATION, "B", 2, 0, "settled")])] * 3,
    ("assign", 1, 0),
    ("place", "\u00c4"),
]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM bin",
        "UPDATE bin SET counted = 9, belief = NULL",
        "INSERT INTO bin (site, bin, value, cost) VALUES ('hall 1', 'nowhere', 1, 0)",
        "DELETE FROM epoch",
        "UPDATE epoch SET held = 1",
        "INSERT INTO epoch (source, epoch, highest, held, last_at) VALUES ('x/y', 'z', 1, 1, '2026-11-22 08:00:00+00')",
        "DELETE FROM discrepancy",
        "UPDATE discrepancy SET state = 'settled'",
        "DELETE FROM sighting",
    ],
)
def test_what_does_not_follow_from_the_facts_is_put_right(ledger: Ledger, damage: str) -> None:
    done(ledger, HISTORY)
    before = rows(ledger)
    assert [row["state"] for row in before["discrepancy"]] == ["recount"]
    with ledger.begin() as tx:
        tx.execute(sa.text(damage.replace("+00", "") if tx.dialect.name == "sqlite" else damage))
    assert rows(ledger) != before
    with ledger.begin() as tx:
        replay(tx)
    assert rows(ledger) == before


def test_events_that_come_after_a_replay_go_on_from_it(ledger: Ledger) -> None:
    done(ledger, HISTORY)
    with ledger.begin() as tx:
        tx.execute(sa.delete(DISCREPANCIES))
        replay(tx)
        take(tx, [count(number, "C", 4, 100 + number) for number in range(50, 53)], RULES, at(200))
        expect(tx, [books(7, 210, "C")], "me", "csv", at(210))
        for number in (60, 61, 62):
            take(tx, [count(number, "C", 4, 200 + number)], RULES, at(200 + number))
        assert [one.case.number for one in cases.page(tx, order="age").rows] == [1, 2]
