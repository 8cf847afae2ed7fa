"""The measurement of batching instances goes on where it was ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally.errors import InputError
from bintally.layouts import OrderBook
from bintally.layouts.files import read_book
from warehouse.pick.bench import batching

_INSTANCE = """NAME : {name}
PICKER_CAPACITY : 3
LAYOUT : single-block
NUM_AISLES : 3
NUM_CELLS : 4
DEPOT_AISLE : 0
DEPOT_LOCATION : bottom
DISTANCE_AISLE_TO_AISLE : 2
DISTANCE_CELL_TO_CELL : 1
DISTANCE_TOP_TO_CELL : 1
DISTANCE_BOTTOM_TO_CELL : 1
DISTANCE_TOP_OR_BOTTOM_TO_DEPOT : 0
ARTICLE_SECTION
NUM_ARTICLES : 3
ID 0 WEIGHT 1
ID 1 WEIGHT 1
ID 2 WEIGHT 1
SKU_SECTION
NUM_SKUS : 3
ID 0 AISLE 0 CELL 0 QUANTITY 9
ID 1 AISLE 1 CELL 1 QUANTITY 9
ID 2 AISLE 2 CELL 3 QUANTITY 9
ORDER_SECTION
NUM_ORDERS : 3
NUM_ARTICLES_IN_ORDER : 1
ID 0 QUANTITY 1
NUM_ARTICLES_IN_ORDER : 1
ID 1 QUANTITY 1
NUM_ARTICLES_IN_ORDER : 2
ID 0 QUANTITY 1
ID 2 QUANTITY 1
EOF
"""


def _folder(path: Path) -> Path:
    for name in ("a.txt", "b.txt"):
        (path / name).write_text(_INSTANCE.format(name=name))
    (path / "best_known.csv").write_text("file,best_known,proven_optimal\na.txt,20,True\nb.txt,20,True\n")
    return path


def test_instances_that_were_measured_are_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path)
    batching.measure(folder, 0.05, 1, tmp_path)
    first = capsys.readouterr().out
    lines = (tmp_path / "batching.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["file", "a.txt", "b.txt"]
    (tmp_path / "batching.csv").write_text("\n".join(lines[:2]) + "\nb.txt,3")  # killed while it wrote
    asked: list[str] = []

    def read(path: Path, *, entry_m: float) -> OrderBook:
        asked.append(path.name)
        return read_book(path, entry_m=entry_m)

    monkeypatch.setattr(batching, "read_book", read)
    batching.measure(folder, 0.05, 1, tmp_path)
    assert asked == ["b.txt"]
    assert capsys.readouterr().out.splitlines()[-1] == first.splitlines()[-1]
    batching.measure(folder, 0.05, 1, tmp_path)
    assert asked == ["b.txt"]
    batching.measure(folder, 0.06, 1, tmp_path)
    assert asked == ["b.txt", "a.txt", "b.txt"]


def test_a_folder_without_best_known_lengths_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="best known lengths"):
        batching.measure(tmp_path, 1.0, 0, None)
