"""Regular ladders, random pick lists and random order books, for labels, measurements and tests."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from bintally.errors import UsageError
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.orders import Order, OrderBook
from bintally.layouts.picks import PickList, Shelf

ABC = ((0.1, 0.52), (0.3, 0.36), (0.6, 0.12))
"""The classes A, B and C: their shares of the articles, and of the demand (as in Henn, Koch, Doerner, Strauss & Wäscher, BuR Business
Research 3, 2010)."""


def regular_ladder(
    aisles: int,
    cross_aisles: int,
    *,
    block_m: float | None = None,
    pitch_m: float = 3.0,
    depot: int = 0,
    row: int = 0,
    end: Place | None = None,
) -> Ladder:
    """A ladder of equal aisles and blocks.

    Args:
        aisles: m.
        cross_aisles: h.
        block_m: length of a sub-aisle; by default 32 m are shared out among the blocks.
        pitch_m: from aisle to aisle.
        depot: the column where tours begin,
        row: and the cross aisle.
        end: where they end, if it is elsewhere.
    """
    length = 32.0 / (cross_aisles - 1) if block_m is None else block_m
    start = Place(depot, row)
    return Ladder(
        x_m=tuple(pitch_m * column for column in range(aisles)),
        y_m=tuple(length * row for row in range(cross_aisles)),
        start=start,
        ends=(end or start,),
        aisles=(True,) * aisles,
        ways=Ways((0,) * aisles, (0,) * cross_aisles),
    )


def uniform_list(rng: np.random.Generator, ladder: Ladder, picks: int, *, most_items: int = 1) -> PickList:
    """Places drawn from everywhere alike, each at a whole or half metre inside its block.

    Args:
        rng: draws them.
        ladder: where.
        picks: how many different places.
        most_items: each place's quantity is drawn from 1 to this.

    Raises:
        UsageError: there are not so many places.
    """
    columns, steps = _room(ladder, picks)
    found: dict[tuple[int, float], tuple[Shelf, int]] = {}
    while len(found) < picks:
        column, block = int(rng.choice(columns)), int(rng.integers(ladder.blocks))
        y_m = ladder.y_m[block] + 0.5 * int(rng.integers(1, steps[block] + 1))
        found[column, y_m] = (Shelf(f"{column}/{y_m:g}", column, block, y_m), int(rng.integers(1, most_items + 1)))
    return PickList.of(ladder, found.values())


def random_book(
    rng: np.random.Generator,
    ladder: Ladder,
    orders: int,
    *,
    articles: int = 300,
    most_lines: int = 5,
    most_items: int = 2,
    limit: int = 30,
    carts: int | None = None,
) -> OrderBook:
    """Orders for articles that lie anywhere, a few of which are wanted often: class A, B or C, whatever lies beside it.

    Args:
        rng: draws them; the same generator, the same book.
        ladder: where.
        orders: how many.
        articles: how many, each at a place of its own, as `uniform_list` draws them.
        most_lines: an order draws 1 to so many articles, by demand; one that is drawn again is the same line.
        most_items: of each draw, 1 to so many.
        limit: items that a cart takes.
        carts: the most, None for any number.

    Raises:
        UsageError: there are not so many places, or the largest order fits no cart.
    """
    if most_lines * most_items > limit:
        raise UsageError(f"orders of {most_lines} times {most_items} items fit no cart of {limit}")
    shelves = _random_shelves(rng, ladder, articles)
    draws = rng.integers(1, most_lines + 1, orders)
    wanted = rng.choice(articles, int(draws.sum()), p=_demand(articles)).tolist()
    items = rng.integers(1, most_items + 1, len(wanted)).tolist()
    ends = np.cumsum(draws).tolist()
    book = []
    for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        lines: dict[str, int] = {}
        for article, quantity in zip(wanted[begin:end], items[begin:end], strict=True):
            lines[shelves[article].article] = lines.get(shelves[article].article, 0) + quantity
        book.append(Order(f"o{number}", lines))
    one = {shelf.article: (1.0,) for shelf in shelves}
    return OrderBook("random", ladder, shelves, tuple(book), {"items": float(limit)}, one, carts)


def _random_shelves(rng: np.random.Generator, ladder: Ladder, articles: int) -> tuple[Shelf, ...]:
    """Each article at a place of its own."""
    columns, steps = _room(ladder, articles)
    places = [(column, block, step) for column in columns for block in range(ladder.blocks) for step in range(1, steps[block] + 1)]
    drawn = [places[place] for place in rng.permutation(len(places))[:articles]]
    return tuple(Shelf(f"a{number}", column, block, ladder.y_m[block] + 0.5 * step) for number, (column, block, step) in enumerate(drawn))


def _demand(articles: int) -> npt.NDArray[np.float64]:
    """The share of each article, float64[articles]: alike within a class."""
    ends = np.round(np.cumsum([share for share, _ in ABC]) * articles).astype(int)
    classes = np.searchsorted(ends, np.arange(articles), side="right")
    demand = np.array([wanted / share for share, wanted in ABC])[classes]
    return np.asarray(demand / demand.sum())


def _room(ladder: Ladder, places: int) -> tuple[list[int], list[int]]:
    """The columns with aisles, and how many half metres lie inside each block.

    Raises:
        UsageError: there are not so many places.
    """
    columns = [column for column, aisle in enumerate(ladder.aisles) if aisle]
    lengths_m = [high - low for low, high in itertools.pairwise(ladder.y_m)]
    steps = [max(1, int(2 * length_m) - 1) for length_m in lengths_m]
    if min(lengths_m) < 0.5 or places > len(columns) * sum(steps):
        raise UsageError(f"{places} different places: {len(columns)} aisles with blocks of {lengths_m} m have no room for them")
    return columns, steps
