"""Random pick lists of three kinds.

- ``uniform``: all places alike.
- ``skewed``: by article class. A fifth of the places (A) holds 80 % of the demand, three tenths (B) 15 %, half (C) 5 %; which they are
  depends on the layout alone, so that it is the same in all lists.
- ``clustered``: one to four centres, each place near one of them: a Laplace distribution along the aisle, with a mean of 3 m, and over the
  aisles, rounded, with a mean of a half.

Each list has 1 to the most places, all sizes alike, and of the places that are asked for one by one, those that are in it already are
passed over. A quantity is 1, and one more with a probability of 1/5, and again, up to 6: four in five are 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bintally.errors import UsageError
from bintally.layouts import PickList
from warehouse.labels.chance import Chance, begin, below, drawn, mixed, spread
from warehouse.routing.compiled import compiled

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KINDS = ("uniform", "skewed", "clustered")
_UNIFORM, _SKEWED, _CLUSTERED = range(3)
_SHARES = (0.2, 0.5)  # of the places, up to the end of class A, of B
_DEMAND = (0.8, 0.95)  # likewise
_CENTRES, _CLUSTER_M, _CLUSTER_AISLES = 4, 3.0, 0.5
_EDGE_M = 0.5  # so far beyond an aisle's last place is still near that
_MORE, _MOST_ITEMS = 0.2, 6


class Places(NamedTuple):
    """All places of a layout, sorted by column and y.

    Attributes:
        y_m: float64[P].
        aisle: int64[P], counted from 0 without the columns that are none.
        first: int64[aisles + 1]; the places of aisle a are those from ``first[a]`` up to ``first[a + 1]``.
        by_class: int64[P], the places in the order of their class.
        class_ends: int64[3], where A, B and C end in it.
    """

    y_m: Floats
    aisle: Ints
    first: Ints
    by_class: Ints
    class_ends: Ints


@dataclass(frozen=True)
class Drawn:
    """n lists in flat arrays.

    Attributes:
        kinds: int64[n], indices of KINDS.
        first: int64[n + 1]; the places of list k are those from ``first[k]`` up to ``first[k + 1]``.
        chosen: int64[...], indices of the layout's places; in each list rising.
        quantities: int64[...].
    """

    kinds: Ints
    first: Ints
    chosen: Ints
    quantities: Ints


@dataclass(frozen=True)
class Drawing:
    """What lists are to be drawn.

    Attributes:
        places: all places of the layout, as one list.
        kinds: some of KINDS, in their order; each is drawn equally often.
        most_picks: places of the longest list.
        seed: from 0, below 2 ** 64.

    Raises:
        UsageError: a value is out of its range.
    """

    places: PickList
    kinds: tuple[str, ...]
    most_picks: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.most_picks <= len(self.places):
            raise UsageError(f"lists of up to {self.most_picks} places: the layout has {len(self.places)}, and a list needs at least 1")
        if not self.kinds or self.kinds != tuple(kind for kind in KINDS if kind in self.kinds):
            raise UsageError(f"kinds {', '.join(self.kinds)}: some of {', '.join(KINDS)}, in this order")
        if not 0 <= self.seed < 1 << 64:
            raise UsageError(f"seed {self.seed}: from 0 to 2^64 - 1")

    def lists(self, start: int, end: int) -> Drawn:
        """The lists from number ``start`` up to ``end``."""
        kinds = np.array([KINDS.index(kind) for kind in self.kinds], np.int64)
        return Drawn(*_draw(_prepared(self.places), kinds, self.most_picks, np.uint64(self.seed), start, end))


def known_kinds(names: Sequence[str] | None) -> tuple[str, ...]:
    """All kinds, or the named ones, in the order of KINDS.

    Raises:
        UsageError: one is unknown.
    """
    for name in names or ():
        if name not in KINDS:
            raise UsageError(f"there is no kind {name!r} of lists; known are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if not names or kind in names)


def digest(places: PickList) -> str:
    """Tells layouts with different places apart."""
    return hashlib.sha256(places.columns.tobytes() + places.y_m.tobytes()).hexdigest()[:16]


def _prepared(places: PickList) -> Places:
    columns, aisle = np.unique(places.columns, return_inverse=True)
    count = len(places)
    keys = mixed_all(np.uint64(int(digest(places), 16)), count)
    ends = [*(int(np.ceil(share * count)) for share in _SHARES), count]
    first = np.searchsorted(aisle, np.arange(len(columns) + 1))
    return Places(places.y_m, aisle.astype(np.int64), first, np.argsort(keys, kind="stable"), np.array(ends, np.int64))


@compiled
def mixed_all(seed: np.uint64, count: int) -> Chance:
    """A random number for each of 0 to count - 1."""
    keys = np.empty(count, np.uint64)
    for number in range(count):
        keys[number] = mixed(mixed(seed) + np.uint64(number))
    return keys


@compiled
def _draw(places: Places, kinds: Ints, most: int, seed: np.uint64, start: int, end: int) -> tuple[Ints, Ints, Ints, Ints]:
    """See `Drawn`."""
    count = end - start
    kind_of, first = np.empty(count, np.int64), np.zeros(count + 1, np.int64)
    chosen, quantities = np.empty(count * most, np.int64), np.empty(count * most, np.int64)
    chance, taken = np.empty(1, np.uint64), np.full(places.y_m.size, -1, np.int64)
    for k in range(count):
        begin(chance, seed, start + k)
        kind_of[k] = kinds[below(chance, kinds.size)]
        first[k + 1] = first[k] + 1 + below(chance, most)
        _choose(places, kind_of[k], chosen[first[k] : first[k + 1]], chance, taken, k)
        for pick in range(first[k], first[k + 1]):
            quantities[pick] = _quantity(chance)
    return kind_of, first, chosen[: first[-1]].copy(), quantities[: first[-1]].copy()


@compiled
def _choose(places: Places, kind: int, out: Ints, chance: Chance, taken: Ints, number: int) -> None:
    """Choose as many different places as ``out`` has room for, in order; those that are in it have the list's number in ``taken``."""
    centres = np.empty(1 + below(chance, _CENTRES) if kind == _CLUSTERED else 0, np.int64)
    for k in range(centres.size):
        centres[k] = below(chance, places.y_m.size)
    found, misses = 0, 0
    while found < out.size:
        if kind == _CLUSTERED:
            place = _near(places, centres[below(chance, centres.size)], misses, chance)
        elif kind == _SKEWED:
            place = _demanded(places, chance)
        else:
            place = below(chance, places.y_m.size)
        if place < 0 or taken[place] == number:
            misses += 1
            continue
        taken[place] = number
        _insert(out, found, place)
        found += 1


@compiled
def _insert(out: Ints, count: int, place: int) -> None:
    """Put a place among the first ``count``, which are in order."""
    k = count
    while k > 0 and out[k - 1] > place:
        out[k] = out[k - 1]
        k -= 1
    out[k] = place


@compiled
def _demanded(places: Places, chance: Chance) -> int:
    """A place, by its class; -1 if the class is empty."""
    of_all = drawn(chance)
    which = 0 if of_all < _DEMAND[0] else 1 if of_all < _DEMAND[1] else 2
    begins = places.class_ends[which - 1] if which else 0
    count = places.class_ends[which] - begins
    return places.by_class[begins + below(chance, count)] if count else -1


@compiled
def _near(places: Places, centre: int, misses: int, chance: Chance) -> int:
    """A place near a centre, or -1 outside of the layout; the more misses there were, the farther away: a neighbourhood may be full."""
    wider = 1.0 + misses / 16
    aisles = places.first.size - 1
    aisle = places.aisle[centre] + int(np.round(spread(chance, min(_CLUSTER_AISLES * wider, aisles))))
    if not 0 <= aisle < aisles:
        return -1
    here = places.y_m[places.first[aisle] : places.first[aisle + 1]]
    y_m = places.y_m[centre] + spread(chance, min(_CLUSTER_M * wider, here[-1] - here[0]))
    if not here[0] - _EDGE_M <= y_m <= here[-1] + _EDGE_M:
        return -1
    nearest = 0
    for k in range(1, here.size):
        if abs(here[k] - y_m) <= abs(here[nearest] - y_m):
            nearest = k
    return int(places.first[aisle] + nearest)


@compiled
def _quantity(chance: Chance) -> int:
    items = 1
    while items < _MOST_ITEMS and drawn(chance) < _MORE:
        items += 1
    return items
