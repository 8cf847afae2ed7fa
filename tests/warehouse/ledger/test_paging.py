"""Pages: every row once, in order, whatever the limit; and cursors that nobody gave."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bintally.errors import InputError, UsageError
from tests.warehouse.ledger.samples import EPOCH, RULES, STATION, at, books, count
from warehouse.ledger import Ledger, bins, cases, counts, holes
from warehouse.ledger.events import take
from warehouse.ledger.expectations import expect
from warehouse.ledger.places import Place, import_places

HERE = STATION.site


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    """Twelve bins, every third wrong, two of them by as much."""
    names = [f"B{number}" for number in range(12)]
    with ledger.begin() as tx:
        import_places(tx, [Place(HERE, name, number, 1.0, zone=f"zone {number % 2}") for number, name in enumerate(names)], "me", at(0))
        expect(tx, [books(5, 0, name, value=1.0 + (number // 6), article="x") for number, name in enumerate(names)], "me", "csv", at(0))
        for turn in range(3):
            batch = [count(12 * turn + number + 1, name, 5 if number % 3 else 2, 1 + turn) for number, name in enumerate(names)]
            take(tx, batch, RULES, at(1 + turn))
    return ledger


def walk(ledger: Ledger, ask: Any, limit: int) -> list[Any]:
    rows: list[Any] = []
    cursor = None
    with ledger.read() as tx:
        while True:
            page = ask(tx, cursor=cursor, limit=limit)
            assert len(page.rows) <= limit
            rows.extend(page.rows)
            cursor = page.cursor
            if cursor is None:
                return rows
            assert len(page.rows) == limit


LISTS: dict[str, tuple[Any, Any, int]] = {
    "counts": (counts.page, lambda row: -row.number, 36),
    "bins": (bins.bins, lambda row: (row.view.site, row.view.bin), 12),
    "cost": (lambda tx, **more: bins.bins(tx, HERE, order="cost", **more), lambda row: -row.view.cost, 12),
    "cases": (cases.page, lambda row: -row.case.cost, 4),
    "age": (lambda tx, **more: cases.page(tx, order="age", **more), lambda row: row.case.number, 4),
    "changed": (lambda tx, **more: cases.page(tx, order="changed", **more), lambda row: -row.case.changed_at.timestamp(), 4),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_pages_hold_every_row_once_and_in_order(full: Ledger, name: str, limit: int) -> None:
    ask, key, number = LISTS[name]
    rows = walk(full, ask, limit)
    assert len(rows) == number
    assert len({repr(row) for row in rows}) == number
    assert [key(row) for row in rows] == sorted(key(row) for row in rows)


def test_filters_are_kept_from_page_to_page(full: Ledger) -> None:
    assert {row.bin for row in walk(full, lambda tx, **more: counts.page(tx, site=HERE, bin="B4", **more), 1)} == {"B4"}
    assert len(walk(full, lambda tx, **more: counts.page(tx, since=at(2), until=at(3), **more), 5)) == 12
    assert len(walk(full, lambda tx, **more: counts.page(tx, source=STATION.source, **more), 5)) == 36
    assert walk(full, lambda tx, **more: counts.page(tx, source="x/y", **more), 5) == []
    assert [row.view.bin for row in walk(full, lambda tx, **more: bins.bins(tx, HERE, zone="zone 1", **more), 2)] == sorted(
        f"B{number}" for number in range(1, 12, 2)
    )
    assert [row.case.bin for row in walk(full, lambda tx, **more: cases.page(tx, zone="zone 1", order="age", **more), 1)] == ["B3", "B9"]
    assert len(walk(full, lambda tx, **more: cases.page(tx, state="open", kind="mismatch", **more), 3)) == 4
    assert walk(full, lambda tx, **more: cases.page(tx, state="settled", **more), 3) == []
    assert walk(full, lambda tx, **more: bins.bins(tx, article="y", **more), 3) == []


def test_rows_that_come_meanwhile_shift_nothing(full: Ledger) -> None:
    with full.begin() as tx:
        first = counts.page(tx, limit=10)
        take(tx, [count(number, "B1", 5, 10) for number in range(100, 120)], RULES, at(10))
        second = counts.page(tx, limit=10, cursor=first.cursor)
    assert [row.number for row in second.rows] == list(range(26, 16, -1))


def made(values: str) -> str:
    return base64.urlsafe_b64encode(values.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "\u00e4", "====", made("7"), made("null"), made("[]"), made('["bins"]'), made('["counts"]'), made('["counts", "1"]'),
        made('["counts", true]'), made('["counts", 1, 2]'), made(f'["counts", {10**30}]'), made("[" * 100_000), made('["counts", NaN]'),
    ],
)  # fmt: skip
def test_a_cursor_that_this_list_did_not_give_is_refused(ledger: Ledger, cursor: str) -> None:
    with ledger.read() as tx, pytest.raises(InputError, match="begin without one"):
        counts.page(tx, cursor=cursor)


def test_a_cursor_of_another_list_is_refused(full: Ledger) -> None:
    with full.read() as tx:
        cursor = bins.bins(tx, limit=1).cursor
        for ask in (counts.page, cases.page, holes.gaps, holes.epochs, bins.bins):
            more: dict[str, Any] = {"order": "cost"} if ask is bins.bins else {}
            with pytest.raises(InputError, match="of another list, or of another order; begin without one"):
                ask(tx, cursor=cursor, **more)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_wrong_use(ledger: Ledger, limit: int) -> None:
    with ledger.read() as tx, pytest.raises(UsageError, match="must be 1 to 1000"):
        counts.page(tx, limit=limit)


def test_a_bin_is_shown_with_its_place_and_its_discrepancy(full: Ledger) -> None:
    with full.read() as tx:
        wrong, right = bins.bin_of(tx, HERE, "B3"), bins.bin_of(tx, HERE, "B4")
        assert bins.bin_of(tx, HERE, "B99") is None
        listed = cases.case(tx, wrong.case.number if wrong and wrong.case else 0)
    assert wrong is not None
    assert right is not None
    assert wrong.place == Place(HERE, "B3", 3, 1.0, zone="zone 1") == listed.place
    assert (wrong.case, right.case) == (listed.case, None)
    assert (listed.article, listed.case.source, EPOCH in str(listed.case.event_id)) == ("x", STATION.source, True)
