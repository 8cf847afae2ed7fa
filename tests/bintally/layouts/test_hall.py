"""Layouts that are kept as texts, and bins by aisle, block and position."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bintally.errors import InputError
from bintally.layouts import Shelf
from bintally.layouts.files import parse_layout, read_places

HALL = Path(__file__).parents[3] / "docs/examples/hall.toml"
TABLE = {
    "aisles": 3,
    "aisle_pitch_m": 3.0,
    "blocks": [{"length_m": 12.0}, {"length_m": 9.0}],
    "entry_m": 0.5,
    "cross_aisle_width_m": 2.0,
    "depot": {"x_m": 1.5, "cross_aisle": "front"},
}


def test_a_text_gives_the_ladder_that_the_file_gives():
    assert parse_layout(HALL.read_text("utf-8"), "hall").ladder == read_places(HALL)[0]


def test_json_and_toml_are_told_apart_by_the_text():
    hall = parse_layout("\n " + json.dumps({"layout": TABLE}), "hall")
    assert hall.ladder.x_m == (0.0, 1.5, 3.0, 6.0)
    # the depot's column lies before aisle 1's; the second block begins 1.5 m + 12 m + 1.5 m behind the front cross aisle
    assert hall.shelf("A-1", 1, 1, 4.25) == Shelf("A-1", 2, 1, 15 + 1.5 + 4.25)
    assert hall.shelf("bolt", 0, 0, 12, 7) == Shelf("bolt", 0, 0, 13.5, 7)


@pytest.mark.parametrize(
    ("aisle", "block", "position_m"), [(3, 0, 1.0), (-1, 0, 1.0), (0, 2, 1.0), (0, 0, 12.1), (0, 0, -0.5), (0, 0, float("nan"))]
)
def test_a_place_outside_the_layout_is_refused_by_name(aisle: int, block: int, position_m: float) -> None:
    with pytest.raises(InputError, match=r"^A-1"):
        parse_layout(json.dumps({"layout": TABLE}), "hall").shelf("A-1", aisle, block, position_m)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[layout]\naisles = 3", '{"layout": "hall.toml"}', json.dumps({"layout": {**TABLE, "aisles": 0}}), "\ud800"]
)
def test_a_text_that_is_no_layout_file_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(InputError, match=r"^layout of north"):
        parse_layout(text, "layout of north")
