"""Pick files of ours: what they say, in a ladder's coordinates, and where they are wrong."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Place, Request, Shelf, Ways
from bintally.layouts.files import _request, read_request, request_files
from bintally.layouts.model import CartTable
from bintally.layouts.picks import check_shelf

HALL: dict[str, Any] = {
    "layout": {
        "aisles": 3,
        "aisle_pitch_m": [3, 4.5],
        "entry_m": [0.5, 0.25],
        "cross_aisle_width_m": 2,
        "blocks": [{"cells": 11, "cell_m": 1.2}, {"length_m": 8.5}],
        "depot": {"x_m": 5, "cross_aisle": "front", "walk_m": 1},
        "drop_offs": [{"aisle": 2, "cross_aisle": 1}, {"x_m": -2.0, "cross_aisle": "back"}],
        "one_way": [{"aisle": 1, "direction": "front"}, {"cross_aisle": "back", "direction": "right"}],
        "turn_in_aisles": False,
    },
    "cart": {"hands": 4, "push_m_s": 1},
    "picks": [
        {"aisle": 0, "block": 0, "cell": 10, "article": "screw", "quantity": 3},
        {"aisle": 2, "block": 1, "position_m": 8.5, "article": "screw"},
        {"aisle": 1, "block": 0, "position_m": 2.4},
    ],
}
SHOP: dict[str, Any] = {
    "layout": {"aisles": 2, "aisle_pitch_m": 3, "blocks": [{"length_m": 10}], "depot": {"aisle": 0, "cross_aisle": "front"}},
    "order": [{"article": "bolt", "quantity": 4}],
    "stock": [
        {"article": "bolt", "aisle": 0, "position_m": 1, "quantity": 3},
        {"article": "bolt", "aisle": 1, "position_m": 2, "quantity": 1},
        {"article": "nut", "aisle": 1, "position_m": 2},
    ],
}


def toml(value: Any) -> str:
    """A value in TOML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(entry)}" for key, entry in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def from_toml(content: dict[str, Any]) -> Request:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in content.items())
    return _request(text.encode(), Path("a.toml"), None, None)


def from_json(content: Any) -> Request:
    return _request(json.dumps(content).encode(), Path("a.json"), None, None)


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy in which the value at ``path`` (``layout.blocks.0.cells``) is another one, or is missing."""
    content = copy.deepcopy(content)
    here: Any = content
    *above, last = path.split(".")
    for key in above:
        here = here[int(key)] if isinstance(here, list) else here[key]
    key_or_index: Any = int(last) if isinstance(here, list) else last
    if value is MISSING:
        del here[key_or_index]
    else:
        here[key_or_index] = value
    return content


MISSING = object()


def test_coordinates_are_centre_lines() -> None:
    ladder = from_toml(HALL).ladder
    assert ladder.y_m == (0, 1 + 0.5 + 12 + 0.25 + 1, 14.75 + 1 + 0.5 + 8.5 + 0.25 + 1)
    assert ladder.x_m == (-2, 0, 3, 5, 7.5)
    assert ladder.aisles == (False, True, True, False, True)
    assert ladder.start == Place(3, 0, 1)
    assert ladder.ends == (Place(4, 1), Place(0, 2))
    assert ladder.ways == Ways((0, 0, -1, 0, 0), (0, 0, 1), turn_in_aisles=False)


def test_picks_are_counted_from_the_front_and_get_a_name_each() -> None:
    request = from_toml(HALL)
    assert request.shelves == (
        Shelf("screw", 1, 0, 1.5 + 12),
        Shelf("screw (2)", 4, 1, 14.75 + 1.5 + 8.5),
        Shelf("aisle 1, block 0, 2.4 m", 2, 0, 1.5 + 2.4),
    )
    assert request.lines == {"screw": 3, "screw (2)": 1, "aisle 1, block 0, 2.4 m": 1}
    assert not request.scattered
    assert request.picks().quantities.tolist() == [3, 1, 1]


def test_a_cell_and_the_same_place_in_metres_are_one_place() -> None:
    picks: list[dict[str, float]] = [{"aisle": 0, "block": 0, "cell": cell} for cell in range(11)]
    picks += [{"aisle": 0, "block": 0, "position_m": round(1.2 * cell, 1)} for cell in range(11)]
    assert from_toml({**HALL, "picks": picks}).picks().quantities.tolist() == [2] * 11


def test_a_depot_at_an_aisles_x_is_at_that_aisle() -> None:
    ladder = from_toml(changed(HALL, "layout.depot.x_m", 7.5)).ladder
    assert ladder.start == Place(3, 0, 1)
    assert ladder.x_m == (-2, 0, 3, 7.5)


def test_ordered_articles_come_with_all_their_places_and_no_others() -> None:
    request = from_toml(SHOP)
    assert request.lines == {"bolt": 4}
    assert request.shelves == (Shelf("bolt", 0, 0, 1, 3), Shelf("bolt", 1, 0, 2, 1))
    assert request.scattered


def test_stock_at_one_place_is_one_shelf_and_an_empty_place_is_none() -> None:
    stock = [
        {"article": "bolt", "aisle": 0, "position_m": 1, "quantity": 3},
        {"article": "bolt", "aisle": 0, "position_m": 1.0, "quantity": 2},
        {"article": "bolt", "aisle": 1, "position_m": 1, "quantity": 0},
        {"article": "bolt", "aisle": 1, "position_m": 4, "quantity": 1},
        {"article": "bolt", "aisle": 1, "position_m": 4},
    ]
    assert from_toml({**SHOP, "stock": stock}).shelves == (Shelf("bolt", 0, 0, 1, 5), Shelf("bolt", 1, 0, 4, None))


def test_an_empty_list_is_a_list() -> None:
    assert len(from_toml({**HALL, "picks": []}).picks()) == 0


def test_the_cart_has_the_defaults_of_the_problem() -> None:
    assert from_toml(HALL).cart == Cart(hands=4, push_m_s=1)
    assert from_toml({**HALL, "cart": {}}).cart == Cart()
    assert from_toml({**HALL, "cart": {"hands": "unlimited"}}).cart == Cart(hands=None)
    assert from_toml(SHOP).cart is None
    assert list(CartTable.model_fields) == [field.name for field in dataclasses.fields(Cart)]


@given(st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_any_layout_is_read_as_its_distances_add_up(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # no secret
    lengths = [draw.uniform(0.1, 30) for _ in range(draw.randint(1, 4))]
    gaps = [draw.uniform(1, 6) for _ in range(draw.randint(0, 5))]
    front, back, width = draw.uniform(0, 2), draw.uniform(0, 2), draw.uniform(0, 4)
    spots: list[dict[str, Any]] = [
        {"aisle": draw.randint(0, len(gaps)), "block": block, "position_m": draw.choice([0, 0.5, 1]) * lengths[block]}
        for block in (draw.randrange(len(lengths)) for _ in range(5))
    ]
    depot = {"aisle": draw.randint(0, len(gaps)), "cross_aisle": draw.randint(0, len(lengths))}
    layout = {
        "aisles": len(gaps) + 1,
        "aisle_pitch_m": gaps,
        "entry_m": [front, back],
        "cross_aisle_width_m": width,
        "blocks": [{"length_m": length} for length in lengths],
        "depot": depot,
    }
    content = {"layout": layout, "picks": [{**spot, "article": str(number)} for number, spot in enumerate(spots)]}
    request = from_toml(content)
    assert dataclasses.replace(from_json(content), file="a.toml") == request
    assert request.ladder.start == Place(depot["aisle"], depot["cross_aisle"])
    for spot, shelf in zip(spots, request.shelves, strict=True):
        below = sum(width + front + length + back for length in lengths[: spot["block"]])
        assert shelf.y_m == pytest.approx(below + width / 2 + front + spot["position_m"], abs=1e-5)
        assert request.ladder.x_m[shelf.column] == pytest.approx(sum(gaps[: spot["aisle"]]), abs=1e-5)
        check_shelf(request.ladder, shelf)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("layout.aisels", 3, "layout: unknown key 'aisels'; did you mean aisles?"),
        ("qqq", 3, "unknown key 'qqq'; known are layout, cart, picks, order, stock"),
        ("layout.blocks.0.depth", 3, "layout.blocks[0]: unknown key 'depth'; known are length_m, cells, cell_m"),
        ("layout", MISSING, "layout is missing"),
        ("layout.depot", MISSING, "layout.depot is missing"),
        ("layout.depot.cross_aisle", MISSING, "layout.depot.cross_aisle is missing"),
        ("layout.aisles", 0, "layout.aisles = 0: Input should be greater than or equal to 1"),
        ("layout.aisles", True, "layout.aisles = True: Input should be a valid integer"),
        ("layout.aisles", 10**9, "layout.aisles = 1000000000: Input should be less than or equal to 10000"),
        ("layout.aisles", 3.0, "layout.aisles = 3.0: Input should be a valid integer"),
        ("layout.aisle_pitch_m", -3, "layout.aisle_pitch_m = -3: Input should be greater than or equal to 0.001"),
        ("layout.aisle_pitch_m", True, "layout.aisle_pitch_m = True: Input should be a valid number"),
        ("layout.aisle_pitch_m", "3", "layout.aisle_pitch_m = '3': Input should be a valid number"),
        ("layout.aisle_pitch_m", [3, 0], "layout.aisle_pitch_m[1] = 0: Input should be greater than"),
        ("layout.aisle_pitch_m", [3], "layout.aisle_pitch_m = [3.0]: 3 aisles have 2 gaps, 1 are given"),
        ("layout.entry_m", {}, "layout.entry_m: Input should be a valid number"),
        ("layout.depot.cross_aisle", None, "layout.depot.cross_aisle = None: Input should be a valid integer"),
        ("layout", 3, "layout = 3: Input should be a valid dictionary"),
        ("layout.entry_m", [1, 1, 1], "layout.entry_m = [1, 1, 1]: List should have at most 2 items"),
        ("layout.cross_aisle_width_m", float("nan"), "layout.cross_aisle_width_m = nan: Input should be a finite number"),
        ("layout.blocks", [], "layout.blocks = []: List should have at least 1 item"),
        ("layout.blocks.1.length_m", -1, "layout.blocks[1].length_m = -1: Input should be greater than or equal to 0"),
        ("layout.blocks.1.length_m", float("inf"), "layout.blocks[1].length_m = inf: Input should be"),
        ("layout.blocks.1.cells", 4, "layout.blocks[1]: give length_m or cells, one of them"),
        ("layout.blocks.0.cell_m", MISSING, "layout.blocks[0]: cells and cell_m go together"),
        ("layout.depot", {"cross_aisle": 0}, "layout.depot: give aisle or x_m, one of them"),
        ("layout.depot", {"aisle": 3, "cross_aisle": 0}, "layout.depot.aisle = 3: there are 3 aisles, counted from 0"),
        ("layout.depot.cross_aisle", 3, "layout.depot.cross_aisle = 3: there are 3 cross aisles, counted from 0"),
        ("layout.depot.cross_aisle", "middle", "layout.depot.cross_aisle = 'middle': Input should be 'front' or 'back'"),
        ("layout.drop_offs.0.aisle", 7, "layout.drop_offs[0].aisle = 7: there are 3 aisles"),
        ("layout.one_way.0.aisle", 7, "layout.one_way[0].aisle = 7: there are 3 aisles"),
        ("layout.one_way.0.direction", "left", "layout.one_way[0]: the direction of an aisle is back or front"),
        ("layout.one_way.0", {"cross_aisle": 2, "direction": "left"}, "layout.one_way[1]: this way has a direction already"),
        ("cart.hands", 0, "cart.hands = 0: Input should be greater than or equal to 1"),
        ("cart.hands", True, "cart.hands = True: Input should be a valid integer"),
        ("cart.hands", "two", "cart.hands = 'two': Input should be 'unlimited'"),
        ("cart.push_m_s", 9, "cart: speeds of 1.4 m/s without and 9 m/s with the cart"),
        ("cart.park_s", float("nan"), "cart.park_s = nan: Input should be a finite number"),
        ("picks", MISSING, "give [[picks]] or [[order]] with [[stock]], one of them"),
        ("stock", [], "[[stock]] goes with [[order]]"),
        ("picks.1.aisle", 3, "picks[1].aisle = 3: there are 3 aisles, counted from 0"),
        ("picks.1.aisle", -1, "picks[1].aisle = -1: Input should be greater than or equal to 0"),
        ("picks.1.block", 2, "picks[1].block = 2: there are 2 blocks, counted from 0"),
        ("picks.1.block", MISSING, "picks[1].block is missing; it may be left out only where there is one block, here are 2"),
        ("picks.1.position_m", 8.6, "picks[1].position_m = 8.6: block 1 is 8.5 m long"),
        ("picks.0.cell", 11, "picks[0].cell = 11: there are 11 cells in block 0, counted from 0"),
        ("picks.0.block", 1, "picks[0].cell = 10: block 1 is given in metres, without cells; give position_m"),
        ("picks.0.position_m", 1, "picks[0]: give cell or position_m, one of them"),
        ("picks.0.quantity", 0, "picks[0].quantity = 0: Input should be greater than or equal to 1"),
        ("picks.0.quantity", 10**400, "picks[0].quantity = 1000"),
        ("picks.0.article", "", "picks[0].article = '': String should have at least 1 character"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(path: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        from_json(changed(HALL, path, value))
    assert str(caught.value).startswith(f"a.json: {message}")


def test_blocks_without_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"a\.json: layout\.blocks\[0\]: no length is left"):
        from_json(changed(SHOP, "layout.blocks.0.length_m", 0))


def test_more_than_lies_in_stock_is_refused() -> None:
    order = [{"article": "nut"}, {"article": "bolt", "quantity": 3}, {"article": "bolt", "quantity": 2}]
    with pytest.raises(InputError, match=r"a\.json: order\[2\]: 5 of 'bolt' are wanted, 4 lie in stock"):
        from_json({**SHOP, "order": order})
    with pytest.raises(InputError, match=r"a\.json: order\[0\]: 4 of 'bolt' are wanted, 0 lie in stock"):
        from_json({**SHOP, "stock": []})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.toml", b"[layout]\naisles = \n", r"a\.toml: not readable TOML: .*line 2"),
        ("a.json", b'{"layout":\n}', r"a\.json: not readable JSON: .*line 2"),
        ("a.json", b'{"picks": [], "picks": []}', r"a\.json: not readable JSON: key 'picks' stands twice"),
        ("a.json", b"[]", r"a\.json: holds no object"),
        ("a.json", b"[" * 100_000, r"a\.json: lists or tables too deep|a\.json: not readable JSON"),
        ("a.toml", b"x = " + b"[" * 100_000, r"a\.toml: lists or tables too deep|a\.toml: not readable TOML"),
        ("a.toml", b"x = " + b"9" * 5000, r"a\.toml: "),
        ("a.toml", b"layout = 0x" + b"f" * 5000, r"a\.toml: layout = a number too long to show"),
        ("a.toml", b"[layout]\nname = '\xff'", r"a\.toml, line 2: byte 0xff is not UTF-8"),
        ("a.toml", b"layout = 'a\\u0000b.toml'\npicks = []", r"a\\u0000b\.toml: cannot be read"),
        ("a.toml", b'layout = "a\\u0000b.toml"\npicks = []', "no path can hold a NUL character"),
        ("a.toml", b'layout = "a.txt"\npicks = []', r"a\.txt: a layout file ends in \.toml or \.json"),
    ],
)
def test_a_text_that_is_no_file_of_ours_gives_one_error(name: str, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _request(data, Path(name), None, None)


def test_a_files_own_blocks_are_not_replaced() -> None:
    for blocks, entry_m in ((2, None), (None, 1.5)):
        with pytest.raises(UsageError, match=r"a\.toml: blocks and entry distances stand in this file itself"):
            _request(b"", Path("a.toml"), blocks, entry_m)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "warehouse.toml").write_text(f"layout = {toml(SHOP['layout'])}")
    (tmp_path / "b.toml").write_text('layout = "warehouse.toml"\npicks = [{aisle = 1, position_m = 2}]')
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(SHOP), encoding="utf-8")
    (tmp_path / "README").write_text("hello")
    (tmp_path / "optima.csv").write_text("file,optimum")
    (tmp_path / "more.txt").mkdir()
    return tmp_path


def test_a_folder_gives_its_pick_files_in_order(folder: Path) -> None:
    first, second = map(read_request, request_files(folder))
    assert (Path(first.file), Path(second.file)) == (folder / "a.json", folder / "b.toml")
    assert second.ladder == first.ladder
    assert second.shelves == (Shelf("aisle 1, 2 m", 1, 0, 2),)
    assert request_files(folder / "b.toml") == [Path(second.file)]


def test_a_broken_file_does_not_hide_the_others_of_its_folder(folder: Path) -> None:
    (folder / "broken.toml").write_text("layout = ")
    assert [file.name for file in request_files(folder)] == ["a.json", "b.toml", "broken.toml"]


def test_a_mistake_in_a_layout_file_names_that_file(folder: Path) -> None:
    (folder / "warehouse.toml").write_text(f"layout = {toml({**SHOP['layout'], 'aisle_pitch_m': [1, 2]})}")
    with pytest.raises(InputError, match=r"warehouse\.toml: layout\.aisle_pitch_m = \[1\.0, 2\.0\]: 2 aisles have 1 gaps"):
        read_request(folder / "b.toml")
    (folder / "warehouse.toml").write_text('layout = "b.toml"')
    with pytest.raises(InputError, match=r"warehouse\.toml: layout = 'b\.toml': Input should be a valid dictionary"):
        read_request(folder / "b.toml")
    (folder / "warehouse.toml").unlink()
    with pytest.raises(InputError, match=r"warehouse\.toml: cannot be read \(No such file or directory\).*; it is named in .*\.toml$"):
        read_request(folder / "b.toml")


def test_what_is_no_pick_file_is_refused_when_it_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"optima\.csv: files are told apart by their ending"):
        read_request(folder / "optima.csv")
    with pytest.raises(InputError, match=r"warehouse\.toml: give \[\[picks\]\]"):
        read_request(folder / "warehouse.toml")
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        read_request(folder / "none.toml")
    with pytest.raises(InputError, match=r"holds no pick file"):
        request_files(folder / "more.txt")


ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    3,
    2.5,
    1e308,
    -1e-9,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "front",
    "a\0.toml",
    [],
    [1],
    {},
    [{}],
    {"aisle": 0},
]


def places(content: Any, path: str = "") -> list[str]:
    """The paths of all values."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(inner for key, entry in entries for inner in places(entry, f"{path}.{key}".strip(".")))]


@given(st.sampled_from([HALL, SHOP]), st.data())
@settings(max_examples=120, deadline=None)
def test_odd_values_anywhere_give_a_request_or_one_error_that_names_the_file(content: dict[str, Any], data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        found = [path for path in places(content) if path]
        if found:
            content = changed(content, data.draw(st.sampled_from(found)), data.draw(st.sampled_from([*ODD, MISSING])))
    _read_or_refuse(json.dumps(content).encode(), "a.json")


@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 9), st.binary(max_size=4)), min_size=1))
@settings(max_examples=120, deadline=None)
def test_a_damaged_text_gives_a_request_or_one_error_that_names_the_file(edits: list[tuple[int, int, bytes]]) -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in HALL.items()).encode()
    for place, removed, added in edits:
        at = place % len(text)
        text = text[:at] + added + text[at + removed :] or b"\n"
    _read_or_refuse(text, "a.toml")


def _read_or_refuse(text: bytes, name: str) -> None:
    try:
        request = _request(text, Path(name), None, None)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017  # also without an error the file may be well
        if "cannot be read" not in str(error) and "NUL" not in str(error) and "ends in" not in str(error):  # of a layout that it names
            assert str(error).startswith((f"{name}: ", f"{name}, line "))  # noqa: PT017
    else:
        for shelf in request.shelves:
            check_shelf(request.ladder, shelf)
