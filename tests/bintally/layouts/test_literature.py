"""The literature's files: what they say, in our coordinates, and where they are wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bintally.errors import InputError, UsageError
from bintally.layouts import Place
from bintally.layouts.literature import parse_instance
from bintally.layouts.picks import check_shelf


@dataclass
class Written:
    """An instance as its author would write it: (article, aisle, cell, quantity), and (article, quantity)."""

    skus: list[tuple[str, int, int, int]] = field(default_factory=lambda: [("7", 0, 0, 2), ("8", 2, 5, 1)])
    order: list[tuple[str, int]] = field(default_factory=lambda: [("7", 2), ("8", 1)])
    aisles: int = 3
    cells: int = 6
    pitch: float = 2.5
    cell: float = 1.5
    top: float = 1
    bottom: float = 2
    depot: int = 1
    location: str = "top"
    walk: float = 4

    def text(self) -> str:
        articles = list(dict.fromkeys([sku[0] for sku in self.skus] + [line[0] for line in self.order]))
        return "\n".join([
            "NAME : a.txt",
            "TYPE : Single_picker_routing",
            "COMMENT : He\xdfler : and Irnich",
            "LAYOUT : single-block",
            f"NUM_AISLES : {self.aisles}",
            f"NUM_CELLS : {self.cells}",
            f"DEPOT_AISLE : {self.depot}",
            f"DEPOT_LOCATION : {self.location}",
            f"DISTANCE_AISLE_TO_AISLE : {self.pitch}",
            f"DISTANCE_CELL_TO_CELL : {self.cell}",
            f"DISTANCE_TOP_TO_CELL : {self.top}",
            f"DISTANCE_BOTTOM_TO_CELL : {self.bottom}",
            f"DISTANCE_TOP_OR_BOTTOM_TO_DEPOT : {self.walk}",
            "ARTICLE_SECTION",
            f"NUM_ARTICLES : {len(articles)}",
            *(f"ID {article}" for article in articles),
            "SKU_SECTION",
            f"NUM_SKUS : {len(self.skus)}",
            *(f"ID {a} AISLE {aisle} CELL {cell} QUANTITY {q} LEFT_RIGHT_HAND_SIDE left" for a, aisle, cell, q in self.skus),
            "ORDER_SECTION",
            f"NUM_ARTICLES : {len(self.order)}",
            *(f"ID {article} QUANTITY {quantity}" for article, quantity in self.order),
            "EOF",
        ])  # fmt: skip

    def data(self) -> bytes:
        return self.text().encode("latin-1")


BATCH = """\
NAME : b.txt
PICKER_CAPACITY : 24
{head}
ARTICLE_SECTION
NUM_ARTICLES : 2
ID 0 WEIGHT 1
ID 1 WEIGHT 2.5
SKU_SECTION
NUM_SKUS : 2
ID 0 AISLE 0 CELL 5 QUANTITY 1 LEFT_RIGHT_HAND_SIDE left
ID 1 AISLE 1 CELL 0 QUANTITY 1 LEFT_RIGHT_HAND_SIDE right
ORDER_SECTION
NUM_ORDERS : 2
NUM_ARTICLES_IN_ORDER : 1
ID 0 QUANTITY 3
NUM_ARTICLES_IN_ORDER : 2
ID 1 QUANTITY 1
ID 0 QUANTITY 1
EOF
""".format(head="\n".join(Written().text().splitlines()[3:13])).replace("\n", "\r\n")


def test_cells_are_counted_from_the_back_and_distances_are_the_files() -> None:
    instance = parse_instance(Written().data(), "a.txt")
    assert instance.ladder.x_m == (0, 2.5, 5)
    assert instance.ladder.y_m == (0, 2 + 5 * 1.5 + 1)
    assert instance.ladder.start == Place(1, 1, 4)
    request = instance.request()
    assert [(shelf.article, shelf.column, shelf.block, shelf.y_m, shelf.quantity) for shelf in request.shelves] == [
        ("7", 0, 0, 2 + 5 * 1.5, 2),
        ("8", 2, 0, 2, 1),
    ]
    assert request.picks().quantities.tolist() == [2, 1]


def test_an_entry_distance_replaces_both_of_the_file() -> None:
    ladder = parse_instance(Written().data(), "a.txt", entry_m=1.5).ladder
    assert ladder.y_m == (0, 1.5 + 5 * 1.5 + 1.5)


@given(st.integers(0, 10**9), st.sampled_from([1, 2]))
@settings(max_examples=40, deadline=None)
def test_walks_between_cells_are_those_of_the_benchmark(seed: int, blocks: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # no secret
    half = draw.randrange(1, 6)
    written = Written(
        skus=[(str(n), draw.randrange(4), draw.randrange(2 * half), 1) for n in range(4)],
        order=[(str(n), 1) for n in range(4)],
        aisles=4,
        cells=2 * half,
        cell=1,
        location=draw.choice(["top", "bottom"]),
        depot=draw.randrange(4),
    )
    instance = parse_instance(written.data(), "a.txt", blocks=blocks)
    shelves = {shelf.article: shelf for shelf in instance.shelves}
    for article, aisle, cell, _ in written.skus:
        for other, aisle2, cell2, _ in written.skus:
            a, b = shelves[article], shelves[other]
            walk = instance.ladder.distance_m((a.column, a.y_m), (b.column, b.y_m))
            assert walk == pytest.approx(benchmark_walk(written, (aisle, cell), (aisle2, cell2), blocks))


def benchmark_walk(written: Written, a: tuple[int, int], b: tuple[int, int], blocks: int) -> float:
    """Cell by cell, from the top, as the benchmark tells it: with two blocks the two middle cells are 0.5 + 1 + 0.5 apart from each other."""
    middle = written.cells // 2

    def below_top(cell: int) -> float:
        return written.top + cell + (1 if blocks == 2 and cell >= middle else 0)

    height = below_top(written.cells - 1) + written.bottom
    if a[0] == b[0]:
        return abs(below_top(a[1]) - below_top(b[1]))
    cross_aisles = [0.0, height] + ([below_top(middle - 1) + 0.5 + 0.5] if blocks == 2 else [])
    up_and_down = min(abs(below_top(a[1]) - cross) + abs(below_top(b[1]) - cross) for cross in cross_aisles)
    return abs(a[0] - b[0]) * written.pitch + up_and_down


def test_two_blocks_put_the_cross_aisle_between_the_middle_cells() -> None:
    instance = parse_instance(Written(skus=[("7", 0, 2, 2), ("8", 0, 3, 1)], cell=1, bottom=1).data(), "a.txt", blocks=2)
    assert instance.ladder.y_m == (0, 4, 8)
    assert instance.ladder.start.cross_aisle == 2
    assert [(shelf.block, shelf.y_m) for shelf in instance.shelves] == [(1, 5), (0, 3)]


def test_several_places_of_an_article_are_scattered_and_both_sides_of_a_cell_are_one() -> None:
    skus = [("7", 0, 0, 1), ("7", 0, 0, 2), ("7", 1, 0, 5), ("8", 1, 0, 1), ("8", 2, 0, 0)]
    request = parse_instance(Written(skus=skus).data(), "a.txt").request()
    assert [(shelf.article, shelf.column, shelf.quantity) for shelf in request.shelves] == [("7", 0, 3), ("7", 1, 5), ("8", 1, 1)]
    assert request.scattered


def test_a_batching_file_keeps_its_orders_weights_and_capacity() -> None:
    instance = parse_instance(BATCH.encode(), "b.txt")
    assert instance.orders == ({"0": 3}, {"1": 1, "0": 1})
    assert [shelf.quantity for shelf in instance.shelves] == [None, None]
    assert (instance.weights, instance.capacity) == ({"0": 1, "1": 2.5}, 24)
    with pytest.raises(InputError, match=r"b\.txt: holds 2 orders, not one; 'bintally pick batch'"):
        instance.request()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("NUM_CELLS : 6", "NUM_CELLS : -6", "line 6: NUM_CELLS '-6': must be a whole number from 1"),
        ("NUM_AISLES : 3", "NUM_AISLES : 0", "line 5: NUM_AISLES '0'"),
        ("NUM_AISLES : 3", "NUM_AISLES : 999999999", "line 5: NUM_AISLES '999999999'"),
        ("NUM_AISLES : 3", "NUM_AISLES : ٣".encode().decode("latin-1"), "line 5: NUM_AISLES"),
        ("NUM_AISLES : 3", "NUM_ISLES : 3", "line 5: unknown key 'NUM_ISLES'; did you mean NUM_AISLES"),
        ("NUM_AISLES : 3\n", "", "line 13: NUM_AISLES is missing above this line"),
        ("NUM_AISLES : 3", "NUM_CELLS : 3", "line 6: NUM_CELLS stands in line 5 already"),
        ("single-block", "fishbone", "line 4: LAYOUT 'fishbone': must be single-block"),
        ("DEPOT_AISLE : 1", "DEPOT_AISLE : 3", "line 7: DEPOT_AISLE '3': must be a whole number from 0 to 2"),
        ("LOCATION : top", "LOCATION : left", "line 8: DEPOT_LOCATION 'left': must be bottom or top"),
        ("AISLE_TO_AISLE : 2.5", "AISLE_TO_AISLE : 0", "line 9: DISTANCE_AISLE_TO_AISLE '0': must be at least 0.001"),
        ("CELL_TO_CELL : 1.5", "CELL_TO_CELL : nan", "line 10: DISTANCE_CELL_TO_CELL 'nan': must be a number from 0"),
        ("TOP_TO_CELL : 1", "TOP_TO_CELL : 1e999", "line 11: DISTANCE_TOP_TO_CELL '1e999'"),
        ("NUM_ARTICLES : 2\nID 7\n", "NUM_ARTICLES : 3\nID 7\n", "line 18: 'SKU_SECTION' stands where 'ID …' must"),
        ("ID 8\n", "ID 7\n", "line 17: ID '7': stands above already"),
        ("AISLE 2 CELL 5", "AISLE 3 CELL 5", "line 21: AISLE '3': must be a whole number from 0 to 2"),
        ("AISLE 2 CELL 5", "AISLE 2 CELL 6", "line 21: CELL '6': must be a whole number from 0 to 5"),
        ("AISLE 2 CELL 5", "AISLE 2 CELL", "line 21: 'ID 8 AISLE 2 CELL QUANTITY"),
        ("ID 8 AISLE", "ID 9 AISLE", "line 21: ID '9': is not in the ARTICLE_SECTION"),
        ("NUM_SKUS : 2", "NUM_SKUS : 1", "line 21: 'ID 8 AISLE.* stands where ORDER_SECTION must"),
        ("ID 7 QUANTITY 2\n", "ID 7 QUANTITY 3\n", "line 24: ID '7': 3 are wanted, 2 lie in stock"),
        ("ID 8 QUANTITY 1\n", "ID 8 QUANTITY 0\n", "line 25: QUANTITY '0': must be a whole number from 1"),
        (
            "NUM_ARTICLES : 2\nID 7 Q",
            "NUM_LINES : 2\nID 7 Q",
            "line 23: 'NUM_LINES : 2' stands where 'NUM_ARTICLES or NUM_ORDERS : …' must",
        ),
        ("\nEOF", "", "line 25: the file ends before EOF"),
        ("\nEOF", "\nEOF\n\nID 9", "line 26: something follows EOF"),
        ("NAME : a.txt", "[layout]", r"line 1: '\[layout\]' is neither 'KEY : VALUE' nor ARTICLE_SECTION"),
    ],
)
def test_a_wrong_line_is_named_with_its_value(old: str, new: str, message: str) -> None:
    text = Written().text()
    assert text.count(old) == 1
    with pytest.raises(InputError, match=rf"^a\.txt, {message}"):
        parse_instance(text.replace(old, new).encode("latin-1"), "a.txt")


def test_coordinates_beyond_all_warehouses_are_told_with_the_file() -> None:
    with pytest.raises(InputError, match=r"^a\.txt, line 5: NUM_AISLES '10000': the coordinates of the columns must be finite"):
        parse_instance(Written(aisles=10_000, pitch=9e5).data(), "a.txt")


def test_aisles_without_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"^a\.txt, line 10: DISTANCE_CELL_TO_CELL '0': no length is left"):
        parse_instance(Written(cell=0, top=0, bottom=0).data(), "a.txt")


def test_a_middle_cross_aisle_needs_an_even_number_of_cells() -> None:
    with pytest.raises(InputError, match=r"^a\.txt, line 6: NUM_CELLS '7': two blocks need an even number"):
        parse_instance(Written(cells=7).data(), "a.txt", blocks=2)


def test_options_that_the_benchmark_does_not_know_are_wrong_use() -> None:
    for blocks in (0, 3, -1):
        with pytest.raises(UsageError, match=f"^{blocks} blocks: the literature's files have one"):
            parse_instance(Written().data(), "a.txt", blocks=blocks)
    for entry_m in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="an entry distance of"):
            parse_instance(Written().data(), "a.txt", entry_m=entry_m)


@given(st.sampled_from([Written().data(), BATCH.encode()]), st.integers(min_value=0))
@settings(max_examples=40, deadline=None)
def test_a_file_that_was_cut_off_is_never_read(data: bytes, cut: int) -> None:
    data = data.rstrip()
    with pytest.raises(InputError, match=r"^a\.txt, line \d+: "):
        parse_instance(data[: cut % len(data)], "a.txt")


@given(
    st.sampled_from([Written().data(), BATCH.encode()]),
    st.lists(
        st.tuples(st.integers(min_value=0), st.integers(0, 9), st.binary(max_size=4) | st.sampled_from([b"0", b"9", b" ", b"\n", b":"]))
    ),
    st.sampled_from([None, 2]),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_gives_an_instance_or_one_error_with_its_line(
    data: bytes, edits: list[tuple[int, int, bytes]], blocks: int | None
) -> None:
    for place, removed, added in edits:
        at = place % len(data)
        data = data[:at] + added + data[at + removed :] or b"\n"
    try:
        instance = parse_instance(data, "a.txt", blocks=blocks)
    except InputError as error:
        assert str(error).startswith("a.txt, line ")  # noqa: PT017  # also without an error the file may be well
    else:
        for shelf in instance.shelves:
            check_shelf(instance.ladder, shelf)
