"""Decoded frames on disk: what the one resize gives, made once, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bintally.errors import InputError, UnavailableError
from bintally.frames import Frame, read_frame, resize
from trainer.data import shards as module
from trainer.data.dataset import Example
from trainer.data.prepare import load
from trainer.data.shards import Shards

SIDE = 24


@pytest.fixture
def examples(bins: Path) -> list[Example]:
    return list(load(bins).examples)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 8)


def test_frames_are_those_of_the_one_resize_in_the_examples_order(tmp_path: Path, examples: list[Example]) -> None:
    found = Shards(tmp_path, examples, SIDE)
    rows = [20, 0, 7, 8, 15, 16, 7]
    expected = np.stack([resize(read_frame(Path(examples[row].image)), (SIDE, SIDE)) for row in rows])
    assert np.array_equal(found.take(rows), expected)
    assert (len(found), found.take([]).shape) == (21, (0, SIDE, SIDE, 3))


def test_frames_are_decoded_once(tmp_path: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    Shards(tmp_path, examples, SIDE)
    monkeypatch.setattr(module, "read_frame", lambda path: pytest.fail(f"{path} is read again"))
    ready: list[int] = []
    Shards(tmp_path, examples, SIDE, ready.append)
    assert ready == [8, 16, 21]


def test_a_killed_run_goes_on_with_the_next_shard(tmp_path: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Shards(tmp_path, examples, SIDE).folder
    (folder / "00001.npy").unlink()
    read: list[str] = []

    def record(path: Path) -> Frame:
        read.append(str(path))
        return read_frame(path)

    monkeypatch.setattr(module, "read_frame", record)
    Shards(tmp_path, examples, SIDE)
    assert sorted(read) == sorted(example.image for example in examples[8:16])


def test_a_changed_image_and_another_size_make_new_frames(tmp_path: Path, bins: Path) -> None:
    own = tmp_path / "bins"
    shutil.copytree(bins, own)
    examples = list(load(own).examples)
    first = Shards(tmp_path, examples, SIDE).folder
    assert Shards(tmp_path, examples, SIDE + 1).folder != first
    os.utime(examples[3].image, (1, 1))
    assert Shards(tmp_path, examples, SIDE).folder != first


def test_an_unreadable_image_leaves_no_shard(tmp_path: Path, bins: Path) -> None:
    own = tmp_path / "bins"
    shutil.copytree(bins, own)
    examples = list(load(own).examples)
    Path(examples[9].image).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"00009\.jpg: not an image"):
        Shards(tmp_path / "frames", examples, SIDE)
    assert sorted(path.name for path in (tmp_path / "frames").rglob("*.npy")) == ["00000.npy"]


def test_a_missing_image_is_named(tmp_path: Path, examples: list[Example]) -> None:
    lost = Example("1", str(tmp_path / "lost.jpg"), 1, "1", "train")
    with pytest.raises(InputError, match=r"lost\.jpg"):
        Shards(tmp_path, [*examples, lost], SIDE)


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda _: b"", lambda data: data[:-1], lambda data: b"x" + data[1:]])
def test_a_damaged_shard_is_named(tmp_path: Path, examples: list[Example], damage: object) -> None:
    path = Shards(tmp_path, examples, SIDE).folder / "00000.npy"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(InputError, match=r"00000\.npy: (damaged|holds)"):
        Shards(tmp_path, examples, SIDE)


def test_a_full_disk_is_told_before_the_work_begins(tmp_path: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UnavailableError, match="another --cache folder"):
        Shards(tmp_path, examples, SIDE)
