"""Order files: what they say, and where they are wrong."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Order, OrderBook, Shelf, Zone
from bintally.layouts.files import _book, book_files, read_book, read_places, read_request, request_files
from tests.bintally.layouts.test_literature import BATCH, Written
from tests.bintally.layouts.test_pick_files import MISSING, ODD, SHOP, changed, places, toml

SHIFT: dict[str, Any] = {
    "layout": {
        "aisles": 3,
        "aisle_pitch_m": 3,
        "blocks": [{"length_m": 10}],
        "depot": {"x_m": 4, "cross_aisle": "front"},
    },
    "cart": {"hands": 4},
    "capacity": {"items": 10, "weight_kg": 5},
    "articles": [{"name": "bolt", "weight_kg": 0.5, "colour": 3}, {"name": "nut", "weight_kg": 0.25}],
    "stock": [
        {"article": "bolt", "aisle": 0, "position_m": 1, "quantity": 9},
        {"article": "nut", "aisle": 2, "position_m": 2},
        {"article": "gear", "aisle": 1, "position_m": 2},
        {"article": "gear", "aisle": 1, "position_m": 3},
    ],
    "zones": [{"name": "left", "aisles": [0]}, {"name": "right", "aisles": [2, 1]}],
    "carts": 3,
    "pickers": 2,
    "begin": "08:00",
    "orders": [
        {"name": "A", "wave": "early", "came": "07:30", "due": "09:00:30", "lines": [{"article": "bolt", "quantity": 3}]},
        {"name": "B", "lines": [{"article": "nut"}, {"article": "bolt"}, {"article": "nut", "quantity": 2}]},
    ],
}


def from_json(content: Any) -> OrderBook:
    return _book(json.dumps(content).encode(), Path("a.json"), None)


def from_toml(content: dict[str, Any]) -> OrderBook:
    return _book("\n".join(f"{key} = {toml(value)}" for key, value in content.items()).encode(), Path("a.toml"), None)


def test_a_book_holds_what_the_file_says() -> None:
    book = from_toml(SHIFT)
    assert book.orders == (
        Order("A", {"bolt": 3}, "early", 7.5 * 3600, 9 * 3600 + 30),
        Order("B", {"nut": 3, "bolt": 1}),
    )
    assert book.shelves[:2] == (Shelf("bolt", 0, 0, 1, 9), Shelf("nut", 3, 0, 2))
    assert book.limits == {"items": 10, "weight_kg": 5}
    assert book.loads == {"bolt": (1, 0.5), "nut": (1, 0.25)}
    assert book.zones == (Zone("left", (0,)), Zone("right", (1, 3)))
    assert (book.carts, book.pickers, book.begin_s, book.cart) == (3, 2, 8 * 3600, Cart(hands=4))
    assert book.ladder.aisles == (True, True, False, True)


def test_an_order_has_a_part_in_each_zone() -> None:
    book = from_toml(SHIFT)
    assert [book.parts(order) for order in book.orders] == [{0: {"bolt": 3}}, {1: {"nut": 3}, 0: {"bolt": 1}}]
    assert from_toml(changed(SHIFT, "zones", [])).parts(book.orders[1]) == {0: {"nut": 3, "bolt": 1}}


def test_toml_times_are_times() -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in SHIFT.items()).replace('"08:00"', "07:59:30")
    assert _book(text.encode(), Path("a.toml"), None).begin_s == 8 * 3600 - 30


def test_what_is_left_out_does_not_matter() -> None:
    content = {key: SHIFT[key] for key in ("layout", "stock")}
    book = from_json({**content, "capacity": {"items": 2}, "orders": [{"name": "A", "lines": [{"article": "nut"}]}]})
    assert book.orders == (Order("A", {"nut": 1}, None, 0, None),)
    assert (book.carts, book.zones, book.pickers, book.begin_s, book.cart) == (None, (), 1, 0, None)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("odrers", [], "unknown key 'odrers'; did you mean orders?"),
        ("capacity", MISSING, "capacity is missing"),
        ("capacity", {}, "capacity: Dictionary should have at least 1 item"),
        ("capacity.weight_kg", 0, "capacity.weight_kg = 0: Input should be greater than 0"),
        ("capacity.volume_l", 4, "articles[0]: volume_l of 'bolt' is missing; capacity.volume_l = 4 limits it"),
        ("articles", [], "articles: weight_kg of 'bolt' is missing; capacity.weight_kg = 5 limits it"),
        ("articles.0.weight_kg", -1, "articles[0].weight_kg = -1: Input should be greater than or equal to 0"),
        ("articles.0.weight_kg", "1", "articles[0].weight_kg = '1': Input should be a valid number"),
        ("articles.1.name", "bolt", "articles[1].name = 'bolt': stands in articles[0] already"),
        ("stock.0.aisle", 3, "stock[0].aisle = 3: there are 3 aisles, counted from 0"),
        ("zones.0.aisles.0", 3, "zones[0].aisles[0] = 3: there are 3 aisles, counted from 0"),
        ("zones.0.aisles.0", 2, "zones[1].aisles[0] = 2: this aisle is in zone 'left' already"),
        ("zones.0.aisles.0", -1, "zones[0].aisles[0] = -1: Input should be greater than or equal to 0"),
        ("zones.0", MISSING, "orders[0].lines[0].article = 'bolt': lies in an aisle that is in no zone"),
        ("zones.1.name", "left", "zones[1].name = 'left': stands in zones[0] already"),
        ("carts", 0, "carts = 0: Input should be greater than or equal to 1"),
        ("pickers", 0, "pickers = 0: Input should be greater than or equal to 1"),
        ("begin", "8 o'clock", """begin = "8 o'clock": give a time such as '08:30'"""),
        ("begin", 8, "begin = 8: give a time such as '08:30'"),
        ("orders", [], "orders = []: List should have at least 1 item"),
        ("orders.1.name", "A", "orders[1].name = 'A': stands in orders[0] already; each needs a name of its own"),
        ("orders.0.due", "07:00", "orders[0]: due at 07:00:00, before it came at 07:30:00"),
        ("orders.0.due", "24:60", "orders[0].due = '24:60': give a time such as '08:30'"),
        ("orders.0.lines", [], "orders[0].lines = []: List should have at least 1 item"),
        ("orders.0.lines.0.quantity", -2, "orders[0].lines[0].quantity = -2: Input should be greater than or equal to 1"),
        ("orders.0.lines.0.quantity", 9, "orders[1].lines[1]: with this order 10 of 'bolt' are wanted, 9 lie in stock"),
        ("orders.0.lines.0.article", "blot", "orders[0].lines[0].article = 'blot': lies nowhere; did you mean bolt?"),
        ("orders.0.lines.0.article", "xyz", "orders[0].lines[0].article = 'xyz': lies nowhere; tell in [[stock]] where"),
        ("orders.0.lines.0.article", "gear", "orders[0].lines[0].article = 'gear': lies in several places (stock[2], stock[3]); orders"),
        ("orders.1.lines.0.quantity", 9, "orders[1]: order 'B' takes 11 of items, a cart takes 10; split the order"),
        ("capacity.weight_kg", 1.25, "orders[0]: order 'A' takes 1.5 of weight_kg, a cart takes 1.25; split the order"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key(path: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        from_json(changed(SHIFT, path, value))
    assert str(caught.value).startswith(f"a.json: {message}")


def test_an_order_may_be_larger_than_a_cart_if_its_parts_are_not() -> None:
    content = changed(changed(SHIFT, "orders.1.lines.0.quantity", 8), "orders.1.lines.2.quantity", 2)
    assert from_json(content).orders[1].lines == {"nut": 10, "bolt": 1}
    with pytest.raises(InputError, match="order 'B' takes 11 of items, a cart takes 10"):
        from_json({**content, "zones": []})


def test_a_limit_that_is_met_by_decimal_fractions_is_met() -> None:
    content = changed(changed(SHIFT, "capacity.weight_kg", 0.3), "articles.0.weight_kg", 0.1)
    assert 3 * 0.1 > 0.3
    assert from_json(changed(content, "orders.1", MISSING)).limits["weight_kg"] == 0.3


def test_the_literatures_orders_are_numbered_and_their_items_weigh() -> None:
    book = _book(BATCH.encode("latin-1"), Path("b.txt"), 1.5)
    assert book.orders == (Order("0", {"0": 3}), Order("1", {"1": 1, "0": 1}))
    assert book.limits == {"items": 24}
    assert book.loads == {"0": (1,), "1": (2.5,)}
    assert book.ladder.y_m == (0, 1.5 + 5 * 1.5 + 1.5)


def test_a_literatures_order_that_is_too_large_is_refused() -> None:
    data = BATCH.replace("ID 1 QUANTITY 1\r", "ID 1 QUANTITY 10\r").encode("latin-1")
    with pytest.raises(InputError, match=r"b\.txt: order '1' takes 26 of items, a cart takes 24 \(PICKER_CAPACITY\)"):
        _book(data, Path("b.txt"), None)


def test_a_literatures_article_in_several_places_is_refused() -> None:
    text = BATCH.replace("NUM_SKUS : 2", "NUM_SKUS : 3").replace("ORDER_SECTION", "ID 0 AISLE 2 CELL 3 QUANTITY 1\r\nORDER_SECTION")
    with pytest.raises(InputError, match=r"b\.txt: ID 0 lies in 2 places"):
        _book(text.encode("latin-1"), Path("b.txt"), None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hall.toml").write_text(f"layout = {toml(SHIFT['layout'])}")
    (tmp_path / "a.json").write_text(json.dumps({**SHIFT, "layout": "hall.toml"}))
    (tmp_path / "b.json").write_text(json.dumps(SHOP))
    (tmp_path / "c.txt").write_bytes(BATCH.encode("latin-1"))
    (tmp_path / "d.txt").write_bytes(Written().data())
    return tmp_path


def test_each_command_takes_its_own_files_of_a_folder_and_the_broken_ones(folder: Path) -> None:
    assert [file.name for file in book_files(folder)] == ["a.json", "c.txt"]
    assert [file.name for file in request_files(folder)] == ["b.json", "d.txt"]
    (folder / "e.toml").write_text("layout = ")
    assert [file.name for file in book_files(folder)] == ["a.json", "c.txt", "e.toml"]
    assert [file.name for file in request_files(folder)] == ["b.json", "d.txt", "e.toml"]
    assert book_files(folder / "b.json") == [folder / "b.json"]


def test_a_folder_without_files_for_a_command_names_the_other_one(folder: Path) -> None:
    for name in ("b.json", "d.txt"):
        (folder / name).unlink()
    with pytest.raises(InputError, match=r"holds no pick file .*; its order files are for 'bintally pick batch'"):
        request_files(folder)
    for name in ("a.json", "c.txt"):
        (folder / name).unlink()
    with pytest.raises(InputError, match=r"holds no order file .*; name another folder or a file"):
        book_files(folder)


def test_a_file_for_the_other_command_names_it(folder: Path) -> None:
    for name in ("a.json", "c.txt"):
        with pytest.raises(InputError, match=rf"{name}: .*'bintally pick batch'"):
            read_request(folder / name)
    for name in ("b.json", "d.txt"):
        with pytest.raises(InputError, match=rf"{name}: .*'bintally pick route'"):
            read_book(folder / name)
    with pytest.raises(InputError, match=r"hall\.toml: holds no \[\[orders\]\]"):
        read_book(folder / "hall.toml")


def test_an_order_files_layout_has_places(folder: Path) -> None:
    ladder, every_place = read_places(folder / "a.json")
    assert ladder == read_book(folder / "a.json").ladder
    assert len(every_place) == 3 * 21


def test_a_files_own_entry_distance_is_not_replaced() -> None:
    with pytest.raises(UsageError, match=r"a\.toml: entry distances stand in this file itself"):
        _book(b"", Path("a.toml"), 1.5)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_odd_values_anywhere_give_a_book_or_one_error_that_names_the_file(data: st.DataObject) -> None:
    content: Any = copy.deepcopy(SHIFT)
    for _ in range(data.draw(st.integers(1, 3))):
        found = [path for path in places(content) if path]
        if found:
            content = changed(content, data.draw(st.sampled_from(found)), data.draw(st.sampled_from([*ODD, MISSING])))
    try:
        book = from_json(content)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017  # also without an error the file may be well
        if "ends in" not in str(error) and "NUL" not in str(error) and "cannot be read" not in str(error):  # of a layout that it names
            assert str(error).startswith("a.json: ")  # noqa: PT017
    else:
        assert not list(book.too_large())


@given(st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_no_order_is_refused_that_fits_and_none_accepted_that_does_not(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # no secret
    lines: list[dict[str, Any]] = [{"article": draw.choice(["bolt", "nut"]), "quantity": draw.randint(1, 6)} for _ in range(3)]
    content = {**SHIFT, "orders": [{"name": "A", "lines": lines}], "zones": draw.choice([[], SHIFT["zones"]])}
    content = changed(content, "stock.0.quantity", MISSING)
    of = {name: sum(line["quantity"] for line in lines if line["article"] == name) for name in ("bolt", "nut")}
    parts = [(of["bolt"], 0), (0, of["nut"])] if content["zones"] else [(of["bolt"], of["nut"])]
    if all(bolts + nuts <= 10 and 2 * bolts + nuts <= 20 for bolts, nuts in parts):
        assert from_json(content).orders[0].lines == {name: items for name, items in of.items() if items}
    else:
        with pytest.raises(InputError, match=r"a\.json: orders\[0\]: order 'A' takes"):
            from_json(content)
