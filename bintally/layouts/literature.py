"""The literature's format of picking and batching instances, as published with Heßler & Irnich's and Wahlen & Gschwind's results.

A head of ``KEY : VALUE`` lines, then three sections of ``KEY VALUE KEY VALUE …`` lines, each after a line with its number of lines:

    ARTICLE_SECTION    ID, in batching files with WEIGHT
    SKU_SECTION        ID AISLE CELL QUANTITY LEFT_RIGHT_HAND_SIDE: where the articles lie; several places of one article are
                       scattered storage
    ORDER_SECTION      ID QUANTITY: one order (NUM_ARTICLES), or several (NUM_ORDERS, and NUM_ARTICLES_IN_ORDER above each)
    EOF

Aisles are counted from 0 from the left, cells from 0 from the top, which is our back. Distances to and between cells are between their
middles, and to a cross aisle's centre line.

Source: Heßler & Irnich (2022), "A note on the linearity of Ratliff and Rosenthal's algorithm for optimal picker routing", Operations
Research Letters 50; Muter & Öncan (2015), "An exact solution approach for the order batching problem", IIE Transactions 47.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bintally.errors import InputError, UsageError
from bintally.layouts._build import in_stock, merged
from bintally.layouts._lines import Head, Lines, shown
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.model import MOST_AISLES, MOST_CELLS, MOST_ITEMS, MOST_M, SHORTEST_M
from bintally.layouts.orders import Order, OrderBook
from bintally.layouts.picks import Request, Shelf

MIDDLE_WIDTH_M = 1.0
"""Of the middle cross aisle that the benchmark puts in for two blocks; shared by the proven optima."""
_NEEDED = (
    "LAYOUT",
    "NUM_AISLES",
    "NUM_CELLS",
    "DEPOT_AISLE",
    "DEPOT_LOCATION",
    "DISTANCE_AISLE_TO_AISLE",
    "DISTANCE_CELL_TO_CELL",
    "DISTANCE_TOP_TO_CELL",
    "DISTANCE_BOTTOM_TO_CELL",
    "DISTANCE_TOP_OR_BOTTOM_TO_DEPOT",
)
_KNOWN = ("NAME", "TYPE", "COMMENT", "PICKER_CAPACITY", *_NEEDED)


@dataclass(frozen=True)
class Instance:
    """One file: a warehouse, its stock, and one order or many.

    Attributes:
        file: its name, for messages.
        ladder: the warehouse.
        weights: of each article, 1 where the file states none.
        shelves: all places of all articles. Files with several orders state no quantities that are meant: None.
        orders: of each one the items that are wanted of its articles.
        capacity: of the picker, None where the file states none.
    """

    file: str
    ladder: Ladder
    weights: Mapping[str, float]
    shelves: tuple[Shelf, ...]
    orders: tuple[Mapping[str, int], ...]
    capacity: float | None

    def request(self) -> Request:
        """The only order.

        Raises:
            InputError: the file holds none, or several.
        """
        if len(self.orders) != 1:
            raise InputError(f"{self.file}: holds {len(self.orders)} orders, not one; 'bintally pick batch' makes pick lists of them")
        lines = self.orders[0]
        return Request(self.file, self.ladder, lines, tuple(shelf for shelf in self.shelves if shelf.article in lines))

    def book(self) -> OrderBook:
        """All orders, called «0», «1», …; an item takes its article's weight of what the picker can carry.

        Raises:
            InputError: the file is none for batching, an article lies in several places, or an order is more than the picker can carry.
        """
        if self.capacity is None:
            raise InputError(f"{self.file}: states no PICKER_CAPACITY, so there is nothing to batch; 'bintally pick route' finds its tour")
        if not self.orders:
            raise InputError(f"{self.file}: holds no orders")
        loads = {article: (weight,) for article, weight in self.weights.items()}
        orders = tuple(Order(str(number), lines) for number, lines in enumerate(self.orders))
        book = OrderBook(self.file, self.ladder, self.shelves, orders, {"items": self.capacity}, loads)
        for _, text in book.too_large():
            raise InputError(f"{self.file}: {text} (PICKER_CAPACITY)")
        wanted = {article for lines in self.orders for article in lines}
        for article, places in Counter(shelf.article for shelf in self.shelves).items():
            if places > 1 and article in wanted:
                raise InputError(f"{self.file}: ID {article} lies in {places} places; orders are batched with one place for each article")
        return book


def parse_instance(data: bytes, file: str, *, blocks: int | None = None, entry_m: float | None = None) -> Instance:
    """Read an instance.

    Args:
        data: the file. Bytes beyond ASCII may stand in its comments only, in any encoding.
        file: its name, for messages.
        blocks: 1 as in the file (the default), or 2 for a middle cross aisle between the two middle cells.
        entry_m: from a cross aisle's centre line to the first cell, in place of the file's two distances.

    Raises:
        InputError: the file is not what it must be; tells the line.
        UsageError: the benchmark knows no such blocks, or ``entry_m`` is no length.
    """
    if blocks not in (None, 1, 2):
        raise UsageError(f"{blocks} blocks: the literature's files have one, and only one middle cross aisle can be put in (2 blocks)")
    if entry_m is not None and not 0 <= entry_m < MOST_M:
        raise UsageError(f"an entry distance of {entry_m:g} m: it must be at least 0 and below {MOST_M:g} m")
    lines = Lines(data, file)
    head = Head(lines, until="ARTICLE_SECTION", needed=_NEEDED, known=_KNOWN)
    aisles = _aisles(head, blocks == 2, entry_m)
    ladder = _ladder(head, aisles)
    capacity = head.number("PICKER_CAPACITY") if "PICKER_CAPACITY" in head else None
    weights = _articles(lines)
    shelves = _shelves(lines, aisles, weights)
    lines.expect("ORDER_SECTION")
    key, number = lines.count("NUM_ARTICLES", "NUM_ORDERS")
    if key == "NUM_ORDERS":
        # such files state 1 item a place, and order more
        shelves = tuple(dataclasses.replace(shelf, quantity=None) for shelf in shelves)
    stock = in_stock(shelves)
    sizes = (number,) if key == "NUM_ARTICLES" else (lines.count("NUM_ARTICLES_IN_ORDER")[1] for _ in range(number))
    orders = tuple(_order(lines, size, weights, stock) for size in sizes)
    lines.end()
    return Instance(file, ladder, weights, shelves, orders, capacity)


@dataclass(frozen=True)
class _Aisles:
    """All aisles alike: ``front_m`` to the frontmost cell, then a cell each ``cell_m``, then ``back_m``.

    Attributes:
        below: cells in front of the middle cross aisle; all of them where there is none.
    """

    number: int
    cells: int
    below: int
    cell_m: float
    front_m: float
    back_m: float

    def place(self, cell: int) -> tuple[int, float]:
        """Block and y of a cell's middle."""
        in_front = self.cells - 1 - cell
        y_m = self.front_m + in_front * self.cell_m
        return (0, y_m) if in_front < self.below else (1, y_m + MIDDLE_WIDTH_M)

    def rows_y_m(self) -> tuple[float, ...]:
        """Of the cross aisles."""
        back_y_m = self.place(0)[1] + self.back_m
        if self.below == self.cells:
            return (0.0, back_y_m)
        # behind the last cell below it: half a cell, then half the cross aisle
        return (0.0, self.front_m + (self.below - 1) * self.cell_m + (self.cell_m + MIDDLE_WIDTH_M) / 2, back_y_m)


def _aisles(head: Head, with_middle: bool, entry_m: float | None) -> _Aisles:
    head.word("LAYOUT", "single-block")
    number, cells = head.whole("NUM_AISLES", 1, MOST_AISLES), head.whole("NUM_CELLS", 1, MOST_CELLS)
    if with_middle and cells % 2:
        raise head.error("NUM_CELLS", "two blocks need an even number, because the middle cross aisle lies between the two middle cells")
    back_m, front_m = head.number("DISTANCE_TOP_TO_CELL"), head.number("DISTANCE_BOTTOM_TO_CELL")
    if entry_m is not None:
        back_m = front_m = entry_m
    return _Aisles(number, cells, cells // 2 if with_middle else cells, head.number("DISTANCE_CELL_TO_CELL"), front_m, back_m)


def _ladder(head: Head, aisles: _Aisles) -> Ladder:
    pitch_m, rows_y_m = head.number("DISTANCE_AISLE_TO_AISLE"), aisles.rows_y_m()
    if pitch_m < SHORTEST_M:
        raise head.error("DISTANCE_AISLE_TO_AISLE", f"must be at least {SHORTEST_M:g}")
    if rows_y_m[-1] < SHORTEST_M:
        raise head.error("DISTANCE_CELL_TO_CELL", "no length is left from the front to the back; give distances above 0")
    row = {"bottom": 0, "top": len(rows_y_m) - 1}[head.word("DEPOT_LOCATION", "bottom", "top")]
    start = Place(head.whole("DEPOT_AISLE", 0, aisles.number - 1), row, head.number("DISTANCE_TOP_OR_BOTTOM_TO_DEPOT"))
    try:
        return Ladder(
            x_m=tuple(pitch_m * aisle for aisle in range(aisles.number)),
            y_m=rows_y_m,
            start=start,
            ends=(start,),
            aisles=(True,) * aisles.number,
            ways=Ways((0,) * aisles.number, (0,) * len(rows_y_m)),
        )
    except InputError as error:
        raise head.error("NUM_AISLES", str(error)) from error


def _articles(lines: Lines) -> dict[str, float]:
    weights: dict[str, float] = {}
    for _ in range(lines.count("NUM_ARTICLES")[1]):
        row = lines.row("ID", optional="WEIGHT")
        if row["ID"] in weights:
            raise lines.error(f"ID {shown(row['ID'])}: stands above already")
        weights[row["ID"]] = lines.number_at_least_0("WEIGHT", row.get("WEIGHT", "1"))
    return weights


def _shelves(lines: Lines, aisles: _Aisles, weights: Collection[str]) -> tuple[Shelf, ...]:
    lines.expect("SKU_SECTION")
    shelves = []
    for _ in range(lines.count("NUM_SKUS")[1]):
        row = lines.row("ID", "AISLE", "CELL", "QUANTITY", optional="LEFT_RIGHT_HAND_SIDE")
        article = _article(lines, row["ID"], weights)
        aisle = lines.whole("AISLE", row["AISLE"], 0, aisles.number - 1)
        block, y_m = aisles.place(lines.whole("CELL", row["CELL"], 0, aisles.cells - 1))
        shelves.append(Shelf(article, aisle, block, y_m, lines.whole("QUANTITY", row["QUANTITY"], 0, MOST_ITEMS)))
    return merged(shelves)


def _order(lines: Lines, number: int, weights: Collection[str], stock: Mapping[str, float]) -> dict[str, int]:
    order: dict[str, int] = {}
    for _ in range(number):
        row = lines.row("ID", "QUANTITY")
        article = _article(lines, row["ID"], weights)
        order[article] = order.get(article, 0) + lines.whole("QUANTITY", row["QUANTITY"], 1, MOST_ITEMS)
        if stock.get(article, 0) < order[article]:
            raise lines.error(f"ID {shown(article)}: {order[article]} are wanted, {stock.get(article, 0):g} lie in stock")
    return order


def _article(lines: Lines, article: str, known: Collection[str]) -> str:
    if article not in known:
        raise lines.error(f"ID {shown(article)}: is not in the ARTICLE_SECTION")
    return article
