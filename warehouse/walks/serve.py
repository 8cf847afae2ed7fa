"""From orders and what the bins hold to pick lists: no list sends anybody to a bin that is known to be empty or short (pure).

``admit`` says which orders can be served, ``places`` from which bins, ``warehouse.batching`` what is picked together, ``tours`` how to walk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, Order, PickList
from warehouse.batching.problem import batch_problem
from warehouse.batching.solve import Objective, solve
from warehouse.routing.cart.best import best_times_s
from warehouse.routing.exact import optimal_length_m, pack
from warehouse.walks.admit import Refused, admit
from warehouse.walks.places import Store, Taken, choose_bins, less, more, share_out
from warehouse.walks.stock import Bin
from warehouse.walks.tours import Walk, at, visited, walked, with_cart

_PASSES = 3
_SAME = 1e-9


@dataclass(frozen=True)
class Asked:
    """How lists are made.

    Attributes:
        capacity: items that one list may have.
        method: of `warehouse.batching.solve`.
        seconds: that a search goes on; the other methods need none.
        iterations: of a search, instead.
        with_cart: plan for a worker who parks the cart; otherwise for the shortest tours.
        cart: speeds and times, also of walks without one.
        seed: of the random numbers.
    """

    capacity: int
    method: str = "alns"
    seconds: float | None = 5.0
    iterations: int | None = None
    with_cart: bool = False
    cart: Cart = Cart()  # noqa: RUF009 - frozen
    seed: int = 0


@dataclass(frozen=True)
class Stop:
    """Something to take out of a bin.

    Attributes:
        bin: from where.
        order: for whom.
        quantity: items.
    """

    bin: Bin
    order: str
    quantity: int


@dataclass(frozen=True)
class PickedList:
    """Orders that are picked together.

    Attributes:
        orders: their names.
        stops: in the sequence of the walk.
        walk: through the bins' places.
    """

    orders: tuple[str, ...]
    stops: tuple[Stop, ...]
    walk: Walk


@dataclass(frozen=True)
class Served:
    """Every order is either in one of the lists, wholly, or refused."""

    lists: tuple[PickedList, ...]
    refused: tuple[Refused, ...]


def serve(orders: Sequence[Order], bins: Sequence[Bin], ladder: Ladder, asked: Asked) -> Served:
    """Make pick lists of the orders that can be served.

    Args:
        orders: the first ones are served first where there is not enough for all.
        bins: that hold the articles.
        ladder: the warehouse.
        asked: how.

    Raises:
        InputError: an order is none, the cart does not fit the warehouse, or the ladder has one-way rules.
        UsageError: the method is unknown, or a search has no limit.
    """
    if not ladder.ways.free:
        raise InputError("pick lists are planned without one-way aisles and turning bans; leave these rules out of the layout")
    admitted, refused = admit(orders, bins, asked.capacity)
    if not admitted:
        return Served((), tuple(refused))
    store, of_bin = Store.of(ladder, bins), {one.name: one for one in bins}
    lines_of = {order.name: order.lines for order in admitted}
    alone, free = _alone(store, lines_of)
    batches = [{name: lines_of[name] for name in names} for names in _batched(store, alone, asked)]
    taken = [_together(alone[name] for name in batch) for batch in batches]
    taken = _improved(store, [_together(batch.values()) for batch in batches], taken, free, asked)
    lists = [_list(store, of_bin, batch, of_batch, asked) for batch, of_batch in zip(batches, taken, strict=True)]
    return Served(tuple(lists), tuple(refused))


def _alone(store: Store, lines_of: Mapping[str, Mapping[str, int]]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Bins for each order as if it were walked alone, one after the other; and what is then left in the bins."""
    free = {one.name: one.sure for bins in store.bins.values() for one in bins}
    alone: dict[str, dict[str, int]] = {}
    for order, lines in lines_of.items():
        alone[order] = choose_bins(store, lines, free)
        free = less(free, alone[order])
    return alone, free


def _batched(store: Store, taken: Mapping[str, Taken], asked: Asked) -> list[list[str]]:
    """The names of orders that are picked together, each from the bins that it takes."""
    loads, limits = dict.fromkeys(store.shelves, (1.0,)), [float(asked.capacity)]
    problem = batch_problem(store.ladder, store.shelves.values(), taken.items(), loads, limits)
    objective = Objective(asked.cart if asked.with_cart else None)
    found = solve(problem, asked.method, objective, seconds=asked.seconds, iterations=asked.iterations, seed=asked.seed)
    return [[problem.names[order] for order in batch] for batch in found.batches]


def _improved(store: Store, lines: Sequence[Mapping[str, int]], taken: Sequence[Taken], free: Taken, asked: Asked) -> list[dict[str, int]]:
    """Other bins for whole batches, as long as a list gets better by it.

    Args:
        store: the bins.
        lines: of each batch.
        taken: by each batch.
        free: what no batch takes.
        asked: how.
    """
    best = [dict(one) for one in taken]
    costs = [_cost(store.ladder, store.picks(one), asked) for one in best]
    for _ in range(_PASSES):
        before = list(costs)
        for batch, wanted in enumerate(lines):
            free = more(free, best[batch])
            other = choose_bins(store, wanted, free)
            cost = costs[batch] if other == best[batch] else _cost(store.ladder, store.picks(other), asked)
            if cost < costs[batch] * (1 - _SAME):
                best[batch], costs[batch] = other, cost
            free = less(free, best[batch])
        if costs == before:
            break
    return best


def _cost(ladder: Ladder, picks: PickList, asked: Asked) -> float:
    """Seconds with a cart, else metres."""
    if asked.with_cart:
        return float(best_times_s(ladder, asked.cart, pack([picks]), picks.quantities)[0])
    return optimal_length_m(ladder, picks)


def _list(store: Store, of_bin: Mapping[str, Bin], lines_of: Mapping[str, Mapping[str, int]], taken: Taken, asked: Asked) -> PickedList:
    walk = (with_cart if asked.with_cart else walked)(store.ladder, store.picks(taken), asked.cart)
    turn = visited(walk)
    stops = [Stop(of_bin[name], order, items) for name, order, items in share_out(lines_of, store, taken)]
    stops.sort(key=lambda stop: (turn[at(store.shelves[stop.bin.name])], stop.bin.name))
    return PickedList(tuple(lines_of), tuple(stops), walk)


def _together(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for one in amounts:
        total.update(one)
    return dict(total)
