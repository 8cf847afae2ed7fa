"""Shards as they are written, read, damaged and left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.labels import SHEET, Label, Labelled, LabelSheet, read_shards, read_sheet, shard_bytes
from bintally.layouts.generate import regular_ladder

SIZES = [3, 1, 4, 2, 5]  # of five lists, in shards of two


def some_lists(begin: int, end: int) -> Labelled:
    first = np.concatenate([[0], np.cumsum(SIZES[begin:end])])
    rng = np.random.default_rng(begin)
    places = int(first[-1])
    return Labelled(
        numbers=np.arange(begin, end),
        kinds=np.arange(begin, end) % 2,
        kind_names=("uniform", "skewed"),
        first=first,
        columns=rng.integers(0, 10, places).astype(np.int16),
        blocks=rng.integers(0, 2, places).astype(np.int16),
        y_m=rng.random(places),
        quantities=rng.integers(1, 4, places).astype(np.int32),
        labels={"plain_m": rng.random(end - begin), "cart_s": rng.random(end - begin)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sheet = LabelSheet(
        ladder=regular_ladder(10, 3),
        cart=None,
        labels={"plain_m": Label(unit="m", about=""), "cart_s": Label(unit="s", about="")},
        lists=5,
        shard=2,
        seed=0,
        most_picks=5,
        settings={},
        version="0",
    )
    (tmp_path / SHEET).write_text(sheet.model_dump_json(by_alias=True), "utf-8")
    for number, name in enumerate(sheet.shards()):
        (tmp_path / name).write_bytes(shard_bytes(some_lists(2 * number, min(5, 2 * number + 2))))
    return tmp_path


def test_what_was_written_is_read_in_order(folder: Path) -> None:
    found = read_shards(folder)
    assert found.numbers.tolist() == [0, 1, 2, 3, 4]
    assert np.diff(found.first).tolist() == SIZES
    assert [found.kind_names[kind] for kind in found.kinds] == ["uniform", "skewed", "uniform", "skewed", "uniform"]
    parts = [some_lists(0, 2), some_lists(2, 4), some_lists(4, 5)]
    for name in ("columns", "blocks", "y_m", "quantities"):
        written = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(getattr(found, name), written)
        assert getattr(found, name).dtype == written.dtype
    for label in ("plain_m", "cart_s"):
        assert np.array_equal(found.labels[label], np.concatenate([part.labels[label] for part in parts]))


def test_the_sheet_survives_its_own_text(folder: Path) -> None:
    sheet = read_sheet(folder)
    assert LabelSheet.model_validate_json(sheet.model_dump_json(by_alias=True)) == sheet
    assert sheet.ladder == regular_ladder(10, 3)


def test_the_same_lists_are_the_same_bytes() -> None:
    assert shard_bytes(some_lists(0, 2)) == shard_bytes(some_lists(0, 2))


def test_an_unfinished_folder_gives_what_is_complete(folder: Path) -> None:
    (folder / "lists-00001.parquet").unlink()
    assert read_shards(folder).numbers.tolist() == [0, 1, 4]


def test_only_the_named_shards_are_read(folder: Path) -> None:
    found = read_shards(folder, ["lists-00001.parquet"])
    assert found.numbers.tolist() == [2, 3]
    assert np.array_equal(found.y_m, some_lists(2, 4).y_m)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def without_label(path: Path) -> None:
    lists = some_lists(2, 4)
    path.write_bytes(shard_bytes(dataclasses.replace(lists, labels={"plain_m": lists.labels["plain_m"]})))


def of_other_lists(path: Path) -> None:
    path.write_bytes(shard_bytes(some_lists(0, 2)))


@pytest.mark.parametrize(
    ("damage", "told"), [(cut, "is damaged"), (without_label, "is damaged.*cart_s"), (of_other_lists, "does not hold the lists from 2 on")]
)
def test_a_damaged_shard_is_named(folder: Path, damage: Callable[[Path], None], told: str) -> None:
    damage(folder / "lists-00001.parquet")
    with pytest.raises(InputError, match=f"lists-00001.parquet: {told}.*makes it again"):
        read_shards(folder)


def test_a_shard_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "lists-00002.parquet").unlink()
    with pytest.raises(InputError, match=r"lists-00002.parquet: is not there"):
        read_shards(folder, ["lists-00002.parquet"])


def test_a_folder_without_a_complete_shard_holds_nothing_to_read(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        path.unlink()
    with pytest.raises(InputError, match="no shard is complete yet"):
        read_shards(folder)


def test_a_folder_without_a_sheet_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels.json: cannot be read"):
        read_shards(tmp_path)


def test_a_sheet_that_is_none_is_told(folder: Path) -> None:
    (folder / SHEET).write_text('{"schema": 1}', "utf-8")
    with pytest.raises(InputError, match=r"labels.json: ladder: Field required"):
        read_shards(folder)
