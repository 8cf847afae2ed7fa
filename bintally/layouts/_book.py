"""From the tables of an order file to an order book. Errors name the key and the value, and leave the file to who read it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from bintally.errors import InputError
from bintally.layouts._build import Site, in_stock, merged, shelf_of
from bintally.layouts.model import OrderFile, OrderTable
from bintally.layouts.orders import Order, OrderBook, Zone
from bintally.layouts.picks import Shelf

_SHOWN = 3


def build_book(site: Site, file: OrderFile, name: str) -> OrderBook:
    """The orders of a file.

    Args:
        site: its layout.
        file: all of it.
        name: for messages.

    Raises:
        InputError: something stands there twice; what is ordered lies nowhere, at several places, in no zone, or not often enough; an
            order is too large for a cart.
    """
    _no_name_twice("articles", [article.name for article in file.articles])
    _no_name_twice("zones", [zone.name for zone in file.zones])
    _no_name_twice("orders", [order.name for order in file.orders])
    shelves = merged(shelf_of(site, entry, f"stock[{index}]") for index, entry in enumerate(file.stock))
    zones = _zones(site, file)
    _check_lines(file, shelves, {column for zone in zones for column in zone.columns})
    book = OrderBook(
        file=name,
        ladder=site.ladder,
        shelves=shelves,
        orders=tuple(map(_order, file.orders)),
        limits=file.capacity,
        loads=_loads(file),
        carts=file.carts,
        zones=zones,
        pickers=file.pickers,
        begin_s=file.begin,
        cart=None,
    )
    for number, text in book.too_large():
        raise InputError(f"orders[{number}]: {text}; split the order")
    return book


def _no_name_twice(key: str, names: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            raise InputError(f"{key}[{index}].name = {name!r}: stands in {key}[{first[name]}] already; each needs a name of its own")


def _zones(site: Site, file: OrderFile) -> tuple[Zone, ...]:
    zone_of: dict[int, str] = {}
    for index, zone in enumerate(file.zones):
        for place, aisle in enumerate(zone.aisles):
            key = f"zones[{index}].aisles[{place}] = {aisle}"
            if aisle >= len(site.columns):
                raise InputError(f"{key}: there are {len(site.columns)} aisles, counted from 0")
            if zone_of.setdefault(aisle, zone.name) != zone.name:
                raise InputError(f"{key}: this aisle is in zone {zone_of[aisle]!r} already")
    return tuple(Zone(zone.name, tuple(site.columns[aisle] for aisle in sorted(set(zone.aisles)))) for zone in file.zones)


def _check_lines(file: OrderFile, shelves: Sequence[Shelf], in_zones: set[int]) -> None:
    """Each line can be fetched, from one place, and be loaded."""
    places = Counter(shelf.article for shelf in shelves)
    column_of = {shelf.article: shelf.column for shelf in shelves}
    stock, wanted = in_stock(shelves), Counter[str]()
    for number, order in enumerate(file.orders):
        for index, line in enumerate(order.lines):
            key, article = f"orders[{number}].lines[{index}]", line.article
            wanted[article] += line.quantity
            if article not in places:
                raise InputError(f"{key}.article = {article!r}: lies nowhere; {_near(article, list(places))}")
            if places[article] > 1:
                where = [f"stock[{at}]" for at, entry in enumerate(file.stock) if entry.article == article]
                raise InputError(
                    f"{key}.article = {article!r}: lies in several places ({', '.join(where[:_SHOWN])}); orders are batched with one place "
                    "for each article: choose one, and leave the others out"
                )
            if in_zones and column_of[article] not in in_zones:
                raise InputError(f"{key}.article = {article!r}: lies in an aisle that is in no zone; put each aisle into one")
            if wanted[article] > stock[article]:
                raise InputError(f"{key}: with this order {wanted[article]} of {article!r} are wanted, {stock[article]:g} lie in stock")


def _near(article: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(article, known, 1)
    return f"did you mean {near[0]}?" if near else "tell in [[stock]] where"


def _loads(file: OrderFile) -> dict[str, tuple[float, ...]]:
    """What one item takes of each measure of the capacity, of all articles that are ordered."""
    takes: dict[str, Mapping[str, float]] = {article.name: article.takes for article in file.articles}
    number = {article.name: index for index, article in enumerate(file.articles)}
    loads: dict[str, tuple[float, ...]] = {}
    for article in dict.fromkeys(line.article for order in file.orders for line in order.lines):
        one = {"items": 1.0, **takes.get(article, {})}
        for measure in file.capacity:
            if measure not in one:
                where = f"articles[{number[article]}]" if article in number else "articles"
                raise InputError(f"{where}: {measure} of {article!r} is missing; capacity.{measure} = {file.capacity[measure]:g} limits it")
        loads[article] = tuple(one[measure] for measure in file.capacity)
    return loads


def _order(table: OrderTable) -> Order:
    lines: dict[str, int] = {}
    for line in table.lines:
        lines[line.article] = lines.get(line.article, 0) + line.quantity
    return Order(table.name, lines, table.wave, table.came, table.due)
