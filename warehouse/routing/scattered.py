"""Scattered storage: which of an article's places to pick from, so that the shortest tour over the chosen places is shortest.

Branch and bound. A node has chosen some places and ruled out others. Picks never shorten a tour, so the shortest tour over what is chosen
bounds every completion from below. At each node the tours with one more place are measured, all of them in one batch of the exact router:

- a place whose tour is not shorter than the best known is ruled out; a place that is the only way to enough items is chosen, and so is
  every useful place at a location that is visited anyway;
- every article that still misses items needs one more of its places, at least the cheapest one. The node is branched on the article whose
  cheapest place is the dearest: choose its first place; or rule that out and choose its second; and so on.

The node with the lowest bound is taken first, so that it bounds the whole problem; then its cheapest branches down to a solution, or to
where nothing can be won (plunging). The best known solution is at first that of a dive, the cheapest branch at each node (an insertion
heuristic), improved by exchanges.

Source: the problem is the SPRP with scattered storage of Weidinger, Picker routing in rectangular mixed shelves warehouses, Computers &
Operations Research 95 (2018) 139-150; measuring all branches before one is chosen is strong branching (Applegate, Bixby, Chvátal & Cook,
Finding cuts in the TSP, DIMACS 95-05, 1995).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bintally.errors import UsageError
from bintally.layouts import PickList, Request
from warehouse.routing.stock import Bools, Ints, Stock, stock_of

_SAME = 1e-9  # relative; sums of the same edges in another order may differ by this


@dataclass(frozen=True)
class Choice:
    """Where to pick.

    Attributes:
        picks: the chosen places, none of which could be left out, and how many items at each.
        length_m: of the shortest tour over them.
        lower_bound_m: no choice has a shorter one.
        proven_optimal: none has a shorter one than this.
    """

    picks: PickList
    length_m: float
    lower_bound_m: float
    proven_optimal: bool


def choose(request: Request, *, most_tours: int = 100_000) -> Choice:
    """Choose places for all lines of a request.

    Args:
        request: lines, and where the articles lie; the cart is not looked at.
        most_tours: the branch and bound gives up the proof when it has measured more tours than these, and what it has found by then is
            improved by exchanges: another place instead of a chosen one, as long as that helps. With 0 it plunges once.

    Raises:
        InputError: there is not enough of an article, a quantity is no quantity, a shelf lies outside the ladder, or the exact router
            refuses the ladder.
        UsageError: most_tours is negative.
    """
    if most_tours < 0:
        raise UsageError(f"most_tours is {most_tours}; it must be at least 0")
    stock = stock_of(request)
    best, bound_m = _branch_and_bound(stock, _exchanged(stock, _dive(stock)), most_tours)
    if bound_m < _below(best.bound_m):
        best = _exchanged(stock, best)
    proven = bound_m >= _below(best.bound_m)
    return Choice(stock.picks(best.chosen), best.bound_m, best.bound_m if proven else bound_m, proven)


@dataclass(frozen=True, order=True)
class _Node:
    """Some places are chosen, some ruled out.

    Attributes:
        bound_m: of the shortest tour over what is chosen.
        serial: breaks ties, so that results repeat.
        chosen, out: bool[n].
    """

    bound_m: float
    serial: int
    chosen: Bools = field(compare=False)
    out: Bools = field(compare=False)


def _dive(stock: Stock) -> _Node:
    """Follow the cheapest branch until nothing is missing."""
    serials = itertools.count()
    nothing = np.zeros(len(stock.shelves), np.bool_)
    node = _Node(0.0, next(serials), nothing, nothing)
    while not stock.enough(node.chosen):
        node = _branches(stock, node, math.inf, serials)[0][0]
    return node


def _exchanged(stock: Stock, node: _Node) -> _Node:
    """Leave out what is not needed, and make the best exchange as long as one helps."""
    sets = [stock.lean(node.chosen)]
    length_m = math.inf
    while sets:
        lengths_m = stock.lengths_m(np.array(sets))
        best = int(lengths_m.argmin())
        if lengths_m[best] >= _below(length_m):
            break
        chosen, length_m = sets[best], float(lengths_m[best])
        sets = list(stock.neighbours(chosen))
    return _Node(length_m, 0, chosen, node.out)


def _branch_and_bound(stock: Stock, best: _Node, most_tours: int) -> tuple[_Node, float]:
    """The best node where nothing is missing, and a bound on all of them, which is its own length if that is proven.

    Args:
        stock: what lies where.
        best: a solution.
        most_tours: ends the search.
    """
    serials = itertools.count()
    nothing = np.zeros(len(stock.shelves), np.bool_)
    left, tours = [_Node(0.0, next(serials), nothing, nothing)], 0
    while left and left[0].bound_m < _below(best.bound_m):
        if tours > most_tours:
            return best, left[0].bound_m
        plunge: _Node | None = heapq.heappop(left)
        while plunge is not None:
            nodes, measured = _branches(stock, plunge, _below(best.bound_m), serials)
            tours += measured
            unfinished = [node for node in nodes if not stock.enough(node.chosen)]
            best = min([best, *(node for node in nodes if stock.enough(node.chosen))])
            plunge = unfinished.pop(0) if unfinished else None
            for node in unfinished:
                heapq.heappush(left, node)
    return best, best.bound_m


def _branches(stock: Stock, node: _Node, below_m: float, serials: Iterator[int]) -> tuple[list[_Node], int]:
    """The nodes that share out a node's completions shorter than below_m, cheapest first; and how many tours were measured for that."""
    chosen, out, tours = node.chosen, node.out.copy(), 0
    while True:
        settled = stock.settled(chosen, out)
        if settled is None:
            return [], tours
        chosen, places = settled, stock.candidates(settled, out)
        lengths_m = stock.lengths_m(_with_each(chosen, places) if places.size else chosen[None])
        tours += len(lengths_m)
        hopeless = lengths_m >= below_m
        if not places.size:
            return [] if hopeless.all() else [_Node(float(lengths_m[0]), next(serials), chosen, out)], tours
        if not hopeless.any():
            break
        out[places[hopeless]] = True
    cheapest = np.full(len(stock.wanted), math.inf)
    np.minimum.at(cheapest, stock.article[places], lengths_m)
    mine = stock.article[places] == np.where(np.isinf(cheapest), -1.0, cheapest).argmax()
    order = np.argsort(lengths_m[mine], kind="stable")
    each = _with_each(np.zeros_like(chosen), places[mine][order])
    ruled_out = (np.cumsum(each, axis=0) > each) | out
    of_each = zip(lengths_m[mine][order].tolist(), chosen | each, ruled_out, strict=True)
    return [_Node(length_m, next(serials), taken, left_out) for length_m, taken, left_out in of_each], tours


def _with_each(chosen: Bools, places: Ints) -> Bools:
    """One row for each place, with that place besides."""
    rows = np.repeat(chosen[None], len(places), axis=0)
    rows[np.arange(len(places)), places] = True
    return rows


def _below(length_m: float) -> float:
    """What a length must be below to be shorter than another one, and not only the same sum in another order."""
    return length_m if math.isinf(length_m) else length_m - _SAME * max(1.0, length_m)
