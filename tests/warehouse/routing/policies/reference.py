"""Lengths of the policies' tours by plain formulas, and ladders and lists for tests.

The formulas hold for a depot at the front of the first aisle, where the tour also ends, and for picks inside the sub-aisles.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from bintally.layouts import Ladder, PickList, Place, Shelf, Ways

Depths = dict[int, list[float]]  # column → distances of its picks from the block's front, increasing
Xs = tuple[float, ...]
FrontPart = Callable[[list[float], float], list[float]]


def make_list(ladder: Ladder, *places: tuple[int, float]) -> PickList:
    """One item at each column and y."""
    blocks = [max(0, int(np.searchsorted(ladder.y_m, y_m)) - 1) for _, y_m in places]
    return PickList.of(ladder, [(Shelf(f"{c}/{y}", c, block, y), 1) for (c, y), block in zip(places, blocks, strict=True)])


def any_ladder(rng: np.random.Generator, *, anywhere: bool) -> Ladder:
    """Uneven aisles and blocks; the depot at the front of the first aisle, or anywhere, with ends elsewhere and columns without aisle."""
    columns, cross_aisles = int(rng.integers(1, 8)), int(rng.integers(2, 6))
    x_m, y_m = (tuple(np.cumsum(rng.uniform(1, 9, count)) - 0.5) for count in (columns, cross_aisles))
    aisles: tuple[bool, ...] = (True,) * columns
    ends: tuple[Place, ...] = (Place(0, 0),)
    if anywhere:
        aisles = (True, *(rng.random(columns - 1) < 0.8).tolist())[:: int(rng.choice([-1, 1]))]
        ends = tuple(
            Place(int(rng.integers(columns)), int(rng.integers(cross_aisles)), float(rng.random())) for _ in range(rng.integers(2, 4))
        )
    y_m = tuple(y - y_m[0] for y in y_m)
    return Ladder(x_m, y_m, ends[0], ends[1:] or ends, aisles, Ways((0,) * columns, (0,) * cross_aisles))


def any_list(rng: np.random.Generator, ladder: Ladder, picks: int, *, at_ends: float = 0.0) -> PickList:
    """Picks anywhere, with a probability also at the ends of sub-aisles."""
    found = {}
    for _ in range(picks):
        column, block = int(rng.choice(np.flatnonzero(ladder.aisles))), int(rng.integers(ladder.blocks))
        low, high = ladder.y_m[block : block + 2]
        y_m = float(rng.choice([low, high])) if rng.random() < at_ends else float(rng.uniform(low, high))
        found[column, y_m] = (Shelf(f"{column}/{y_m}", column, block, y_m), 1)
    return PickList.of(ladder, found.values())


def one_block_m(ladder: Ladder, picks: PickList, policy: str) -> float:
    """The textbook's formula: twice to the farthest aisle, and what each policy walks in the aisles."""
    aisles: list[list[float]] = [sorted(picks.y_m[picks.columns == column].tolist()) for column in sorted(set(picks.columns.tolist()))]
    length = ladder.y_m[1]
    across = 2 * (ladder.x_m[int(picks.columns.max())] - ladder.x_m[0])
    if policy == "return" or (len(aisles) == 1 and policy != "combined"):
        return across + 2 * sum(aisle[-1] for aisle in aisles)
    if policy == "s-shape":
        return across + (len(aisles) * length if len(aisles) % 2 == 0 else (len(aisles) - 1) * length + 2 * aisles[-1][-1])
    inner = aisles[1:-1]
    if policy == "midpoint":
        front = sum(max((y for y in aisle if y <= length / 2), default=0.0) for aisle in inner)
        back = sum(max((length - y for y in aisle if y > length / 2), default=0.0) for aisle in inner)
        return across + 2 * length + 2 * front + 2 * back
    if policy == "largest-gap":
        gaps = [max(b - a for a, b in itertools.pairwise([0.0, *aisle, length])) for aisle in inner]
        return across + 2 * length + sum(2 * (length - gap) for gap in gaps)
    return across + _best_pattern(aisles, length, "front")


def several_blocks_m(ladder: Ladder, picks: PickList, policy: str) -> float:
    """Block by block: where the picker stands is all that is handed on."""
    x_m = ladder.x_m
    blocks: list[Depths] = [{} for _ in range(ladder.blocks)]
    for column, block, y_m in zip(picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True):
        blocks[block].setdefault(column, []).append(y_m - ladder.y_m[block])
    here = int(picks.columns.min())
    farthest = int(picks.blocks.max())
    total = x_m[here] - x_m[0] + ladder.y_m[farthest]
    for block in blocks[:farthest]:
        block.pop(here, None)
    for index in range(farthest, -1, -1):
        length = ladder.y_m[index + 1] - ladder.y_m[index]
        side = "front" if index == farthest else "back"
        metres, here = _IN_BLOCK[policy](x_m, blocks[index], length, side, here) if blocks[index] else (length, here)
        total += metres
    return total + x_m[here] - x_m[0]


def _swept(x_m: Xs, block: Depths, here: int) -> tuple[list[int], float]:
    near, far = sorted((min(block), max(block)), key=lambda column: abs(x_m[column] - x_m[here]))
    return sorted(block, reverse=near > far), abs(x_m[near] - x_m[here]) + abs(x_m[far] - x_m[near])


def _s_shape(x_m: Xs, block: Depths, length: float, side: str, here: int) -> tuple[float, int]:
    columns, across = _swept(x_m, block, here)
    count = len(columns)
    all_through = count % 2 == (0 if side == "front" else 1)
    return across + (count * length if all_through else (count - 1) * length + 2 * block[columns[-1]][-1]), columns[-1]


def _return(x_m: Xs, block: Depths, length: float, side: str, here: int) -> tuple[float, int]:
    down = 0.0
    if side == "back":
        down, block = length, {column: depths for column, depths in block.items() if column != here}
    if not block:
        return down, here
    columns, across = _swept(x_m, block, here)
    return down + across + sum(2 * block[column][-1] for column in columns), columns[-1]


def _around(x_m: Xs, block: Depths, length: float, side: str, here: int, front_part: FrontPart) -> tuple[float, int]:
    if side == "front":
        first = min(block, key=lambda column: abs(x_m[column] - x_m[here]))
        across = abs(x_m[first] - x_m[here])
        if len(block) == 1:
            return across + 2 * block[first][-1], first
        rest = {column: depths for column, depths in block.items() if column != first}
        metres, end = _around(x_m, rest, length, "back", first, front_part)
        return across + length + metres, end
    last = max((min(block), max(block)), key=lambda column: abs(x_m[column] - x_m[here]))
    if abs(x_m[min(block)] - x_m[here]) == abs(x_m[max(block)] - x_m[here]):
        last = max(block)
    fronts = {column: front_part(depths, length) for column, depths in block.items() if column != last}
    behind = {column: length - block[column][len(front)] for column, front in fronts.items() if len(front) < len(block[column])}
    front = {column: front[-1] for column, front in fronts.items() if front}
    turn = max((column for column in [*behind, here]), key=lambda column: abs(x_m[column] - x_m[last]))
    end = max((column for column in [*front, last]), key=lambda column: abs(x_m[column] - x_m[last]))
    across = abs(x_m[turn] - x_m[here]) + abs(x_m[last] - x_m[turn]) + abs(x_m[end] - x_m[last])
    return across + length + 2 * sum(behind.values()) + 2 * sum(front.values()), end


def _midpoint(x_m: Xs, block: Depths, length: float, side: str, here: int) -> tuple[float, int]:
    return _around(x_m, block, length, side, here, lambda depths, length: [depth for depth in depths if depth <= length / 2])


def _largest_gap(x_m: Xs, block: Depths, length: float, side: str, here: int) -> tuple[float, int]:
    def front_part(depths: list[float], length: float) -> list[float]:
        ends = [0.0, *depths, length]
        cut = max(range(len(ends) - 1), key=lambda gap: ends[gap + 1] - ends[gap])
        return depths[:cut]

    return _around(x_m, block, length, side, here, front_part)


def _combined(x_m: Xs, block: Depths, length: float, side: str, here: int) -> tuple[float, int]:
    columns, across = _swept(x_m, block, here)
    return across + _best_pattern([block[column] for column in columns], length, side), columns[-1]


_IN_BLOCK = {"s-shape": _s_shape, "return": _return, "midpoint": _midpoint, "largest-gap": _largest_gap, "combined": _combined}


def _best_pattern(aisles: list[list[float]], length: float, side: str) -> float:
    """Every way to walk through some aisles and turn round in the others, so that the front is reached at the end."""
    best = np.inf
    for through in itertools.product((False, True), repeat=len(aisles)):
        at, total = side, 0.0
        for walked_through, aisle in zip(through, aisles, strict=True):
            if walked_through:
                at, total = ("back" if at == "front" else "front"), total + length
            else:
                total += 2 * (aisle[-1] if at == "front" else length - aisle[0])
        best = min(best, total if at == "front" else np.inf)
    return float(best)


def aisle_by_aisle_m(ladder: Ladder, picks: PickList) -> float:
    """Every choice of a cross aisle after each aisle, in both directions, with every end; an aisle is walked in both orders."""
    columns = sorted(set(picks.columns.tolist()))
    best = np.inf
    for order in (columns, columns[::-1]):
        for rows in itertools.product(range(ladder.cross_aisles), repeat=len(order)):
            column, y, total = ladder.start.column, ladder.y_m[ladder.start.cross_aisle], ladder.start.walk_m
            for to, row in zip(order, rows, strict=True):
                low, high, exit_ = picks.y_m[picks.columns == to].min(), picks.y_m[picks.columns == to].max(), ladder.y_m[row]
                down_first = abs(y - low) + abs(high - low) + abs(high - exit_)
                up_first = abs(y - high) + abs(high - low) + abs(low - exit_)
                total += abs(ladder.x_m[to] - ladder.x_m[column]) + min(down_first, up_first)
                column, y = to, exit_
            for end in ladder.ends:
                if end.cross_aisle == rows[-1]:
                    best = min(best, total + abs(ladder.x_m[column] - ladder.x_m[end.column]) + end.walk_m)
    return float(best)
