from pathlib import Path

import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts.files import read_places

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def layout(tmp_path: Path, blocks: str, aisles: int = 2) -> Path:
    path = tmp_path / "hall.toml"
    text = f'[layout]\naisles = {aisles}\naisle_pitch_m = 3.0\nentry_m = 1.0\ndepot = {{ aisle = 0, cross_aisle = "front" }}\nblocks = {blocks}\n'
    path.write_text(text, "utf-8")
    return path


def test_the_places_of_a_layout_are_its_cells() -> None:
    ladder, places = read_places(EXAMPLES / "hall.toml")
    assert len(places) == 400
    assert places.y_m[:20].tolist() == [1.5 + cell for cell in range(20)]
    assert places.y_m[20:40].tolist() == [ladder.y_m[1] + 1.5 + cell for cell in range(20)]
    assert sorted(set(places.columns.tolist())) == [column for column, aisle in enumerate(ladder.aisles) if aisle]
    assert places.names[21] == "aisle 0, block 1, cell 1"


def test_a_block_given_in_metres_has_a_place_every_half_metre(tmp_path: Path) -> None:
    _, places = read_places(layout(tmp_path, "[{ length_m = 1.2 }, { cells = 2, cell_m = 3.0 }]"))
    assert places.y_m[:5].tolist() == [1.0, 1.5, 2.0, 4.2, 7.2]
    assert places.blocks[:5].tolist() == [0, 0, 0, 1, 1]


def test_the_layout_of_a_pick_file_has_the_places_of_its_layout_file() -> None:
    ladder, places = read_places(EXAMPLES / "picks.toml")
    assert len(places) == 6 * (20 + 25)
    assert len(ladder.y_m) == 3


def test_an_instance_of_the_literature_has_no_places(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write a layout file"):
        read_places(tmp_path / "some.txt")


def test_a_layout_with_too_many_places_is_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only 1,000,000 places"):
        read_places(layout(tmp_path, "[{ cells = 1000000, cell_m = 1.0 }]"))
