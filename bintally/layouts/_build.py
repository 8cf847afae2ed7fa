"""From the tables of a file to a ladder and the places in it.

Files speak of aisles, cells and entry distances; ladders of columns and centre lines. From a cross aisle's centre line to a block's first
position it is half the cross aisle's width and the entry distance. Errors name the key and the value, and leave the file to who read it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bintally.errors import InputError
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.model import Depot, Layout, Line, Pick, Spot, Stock
from bintally.layouts.picks import Shelf

MOST_PLACES = 1_000_000
"""Of a layout whose places are all named."""
STEP_M = 0.5
"""From place to place in blocks that are given in metres."""
_DECIMALS = 6
"""Of coordinates in metres; so a cell and the same place in metres are one place, whatever the rounding of their products."""


@dataclass(frozen=True)
class Site:
    """A layout and its ladder.

    Attributes:
        layout, ladder: as in the file, and in coordinates.
        columns: of each aisle.
        first_y_m: of each block's position 0.
    """

    layout: Layout
    ladder: Ladder
    columns: tuple[int, ...]
    first_y_m: tuple[float, ...]


def build_site(layout: Layout) -> Site:
    """The ladder of a layout.

    Raises:
        InputError: a number of the layout does not fit another one.
    """
    aisle_x_m = _aisles_x_m(layout)
    y_m, first_y_m = _rows_y_m(layout)
    depots = {f"layout.drop_offs[{index}]": depot for index, depot in enumerate(layout.drop_offs)}
    start_x_m, *ends_x_m = (_depot_x_m(depot, aisle_x_m, key) for key, depot in {"layout.depot": layout.depot, **depots}.items())
    x_m = sorted({*aisle_x_m, start_x_m, *ends_x_m})
    column_at = {x: column for column, x in enumerate(x_m)}
    columns = tuple(column_at[x] for x in aisle_x_m)
    start = _place(layout.depot, column_at[start_x_m], len(y_m), "layout.depot")
    ends = tuple(_place(depot, column_at[x], len(y_m), key) for (key, depot), x in zip(depots.items(), ends_x_m, strict=True))
    is_aisle = set(columns)
    ladder = Ladder(
        x_m=tuple(x_m),
        y_m=tuple(y_m),
        start=start,
        ends=ends or (start,),
        aisles=tuple(column in is_aisle for column in range(len(x_m))),
        ways=_ways(layout, columns, len(x_m), len(y_m)),
    )
    return Site(layout, ladder, columns, tuple(first_y_m))


def all_places(site: Site) -> list[Shelf]:
    """Every place of a layout: the cells, and in blocks given in metres one every ``STEP_M``; the places' own names are the articles'.

    Raises:
        InputError: there are too many.
    """
    each = [block.cells or 1 + int(block.reach_m / STEP_M) for block in site.layout.blocks]
    if len(site.columns) * sum(each) > MOST_PLACES:
        raise InputError(f"layout: {len(site.columns)} aisles with {sum(each)} places; only {MOST_PLACES:,} places in all can be named")
    spots = [
        Spot(aisle=aisle, block=number, **({"cell": place} if block.cells else {"position_m": STEP_M * place}))
        for aisle in range(len(site.columns))
        for number, block in enumerate(site.layout.blocks)
        for place in range(each[number])
    ]
    return [Shelf(_name(site, spot), *_locate(site, spot, "layout")) for spot in spots]


def picked(site: Site, picks: Sequence[Pick]) -> tuple[dict[str, int], tuple[Shelf, ...]]:
    """Places that must be reached, as lines and shelves; an article that is picked at several places gets a name at each.

    Raises:
        InputError: a place is not in the layout.
    """
    lines: dict[str, int] = {}
    shelves: dict[str, Shelf] = {}
    for index, pick in enumerate(picks):
        column, block, y_m = _locate(site, pick, f"picks[{index}]")
        wanted = pick.article or _name(site, pick)
        for name in itertools.chain([wanted], (f"{wanted} ({number})" for number in itertools.count(2))):
            shelf = Shelf(name, column, block, y_m)
            if shelves.setdefault(name, shelf) == shelf:
                lines[name] = lines.get(name, 0) + pick.quantity
                break
    return lines, tuple(shelves.values())


def ordered(site: Site, order: Sequence[Line], stock: Sequence[Stock]) -> tuple[dict[str, int], tuple[Shelf, ...]]:
    """Articles that are wanted, and all places where they lie.

    Raises:
        InputError: a place is not in the layout, or an article lies nowhere, or not often enough.
    """
    shelves = merged(shelf_of(site, entry, f"stock[{index}]") for index, entry in enumerate(stock))
    items, lines = in_stock(shelves), dict[str, int]()
    for index, line in enumerate(order):
        lines[line.article] = wanted = lines.get(line.article, 0) + line.quantity
        if items.get(line.article, 0) < wanted:
            raise InputError(f"order[{index}]: {wanted} of {line.article!r} are wanted, {items.get(line.article, 0):g} lie in stock")
    return lines, tuple(shelf for shelf in shelves if shelf.article in lines)


def shelf_of(site: Site, entry: Stock, key: str) -> Shelf:
    """Where an article lies.

    Args:
        site: a layout.
        entry: of its stock.
        key: of the entry, for errors.

    Raises:
        InputError: the place is not in the layout.
    """
    return Shelf(entry.article, *_locate(site, entry, key), entry.quantity)


def merged(shelves: Iterable[Shelf]) -> tuple[Shelf, ...]:
    """Shelves without those that are empty, and of those with the same article at the same place only one, with the items of all."""
    places: dict[tuple[str, int, float], Shelf] = {}
    for shelf in shelves:
        if shelf.quantity == 0:
            continue
        before = places.setdefault((shelf.article, shelf.column, shelf.y_m), shelf)
        if before is not shelf:
            total = None if before.quantity is None or shelf.quantity is None else before.quantity + shelf.quantity
            places[shelf.article, shelf.column, shelf.y_m] = dataclasses.replace(before, quantity=total)
    return tuple(places.values())


def in_stock(shelves: Iterable[Shelf]) -> dict[str, float]:
    """Items of each article that lies anywhere; infinity for enough."""
    stock: dict[str, float] = {}
    for shelf in shelves:
        stock[shelf.article] = stock.get(shelf.article, 0) + (math.inf if shelf.quantity is None else shelf.quantity)
    return stock


def _aisles_x_m(layout: Layout) -> list[float]:
    gaps = layout.aisle_pitch_m
    if isinstance(gaps, float):
        return [round(gaps * aisle, _DECIMALS) for aisle in range(layout.aisles)]
    if len(gaps) != layout.aisles - 1:
        raise InputError(f"layout.aisle_pitch_m = {gaps}: {layout.aisles} aisles have {layout.aisles - 1} gaps, {len(gaps)} are given")
    return [round(x, _DECIMALS) for x in itertools.accumulate(gaps, initial=0.0)]


def _rows_y_m(layout: Layout) -> tuple[list[float], list[float]]:
    """The cross aisles' centre lines, and the blocks' first positions."""
    front_m, back_m = layout.entry_m if isinstance(layout.entry_m, list) else (layout.entry_m, layout.entry_m)
    half_m = layout.cross_aisle_width_m / 2
    y_m, first_y_m = [0.0], []
    for index, block in enumerate(layout.blocks):
        first_y_m.append(y_m[-1] + half_m + front_m)
        y_m.append(round(first_y_m[-1] + block.reach_m + back_m + half_m, _DECIMALS))
        if y_m[-1] <= y_m[-2]:
            raise InputError(
                f"layout.blocks[{index}]: no length is left from cross aisle to cross aisle; give length_m, entry_m or a width"
            )
    return y_m, first_y_m


def _depot_x_m(depot: Depot, aisle_x_m: Sequence[float], key: str) -> float:
    if depot.x_m is not None:
        return round(depot.x_m, _DECIMALS)
    aisle = depot.aisle or 0
    _below(aisle, len(aisle_x_m), f"{key}.aisle", "aisles")
    return aisle_x_m[aisle]


def _place(depot: Depot, column: int, rows: int, key: str) -> Place:
    return Place(column, _row(depot.cross_aisle, rows, key), depot.walk_m)


def _row(cross_aisle: int | str, rows: int, key: str) -> int:
    if isinstance(cross_aisle, str):
        return {"front": 0, "back": rows - 1}[cross_aisle]
    _below(cross_aisle, rows, f"{key}.cross_aisle", "cross aisles")
    return cross_aisle


def _ways(layout: Layout, columns: Sequence[int], number: int, rows: int) -> Ways:
    column_ways, row_ways = [0] * number, [0] * rows
    for index, rule in enumerate(layout.one_way):
        key = f"layout.one_way[{index}]"
        if rule.cross_aisle is not None:
            ways, at = row_ways, _row(rule.cross_aisle, rows, key)
        else:
            aisle = rule.aisle or 0
            _below(aisle, len(columns), f"{key}.aisle", "aisles")
            ways, at = column_ways, columns[aisle]
        if ways[at]:
            raise InputError(f"{key}: this way has a direction already; give it one")
        ways[at] = 1 if rule.direction in ("back", "right") else -1
    return Ways(tuple(column_ways), tuple(row_ways), layout.turn_in_aisles)


def _locate(site: Site, spot: Spot, key: str) -> tuple[int, int, float]:
    """Column, block and y of a place."""
    blocks = site.layout.blocks
    _below(spot.aisle, len(site.columns), f"{key}.aisle", "aisles")
    if spot.block is None and len(blocks) > 1:
        raise InputError(f"{key}.block is missing; it may be left out only where there is one block, here are {len(blocks)}")
    number = spot.block or 0
    _below(number, len(blocks), f"{key}.block", "blocks")
    position_m = _position_m(site.layout, number, spot, key)
    return site.columns[spot.aisle], number, round(site.first_y_m[number] + position_m, _DECIMALS)


def _position_m(layout: Layout, number: int, spot: Spot, key: str) -> float:
    block = layout.blocks[number]
    if spot.position_m is not None:
        if round(spot.position_m - block.reach_m, _DECIMALS) > 0:
            raise InputError(f"{key}.position_m = {spot.position_m:g}: block {number} is {block.reach_m:g} m long")
        return min(spot.position_m, block.reach_m)
    cell = spot.cell or 0
    if block.cells is None or block.cell_m is None:
        raise InputError(f"{key}.cell = {cell}: block {number} is given in metres, without cells; give position_m")
    _below(cell, block.cells, f"{key}.cell", f"cells in block {number}")
    return cell * block.cell_m


def _name(site: Site, spot: Spot) -> str:
    block = f", block {spot.block or 0}" if len(site.layout.blocks) > 1 else ""
    return f"aisle {spot.aisle}{block}, " + (f"cell {spot.cell}" if spot.cell is not None else f"{spot.position_m:g} m")


def _below(value: int, count: int, key: str, what: str) -> None:
    if value >= count:
        raise InputError(f"{key} = {value}: there are {count} {what}, counted from 0")
