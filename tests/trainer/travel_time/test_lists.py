"""Labelled lists: read as they were written, each in its part, and refused where they cannot be learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bintally.errors import InputError, UsageError
from bintally.labels import ALONG, PLAIN, SHEET, part_of, shard_bytes
from bintally.layouts import Ladder, Place, Ways
from bintally.layouts.generate import regular_ladder
from tests.trainer.travel_time.labels import HALL, NAME, draw, packed, plain_m, toil_s, write_labels
from trainer.travel_time.lists import LabelSet, load, mirror_of
from trainer.travel_time.train import mirrored


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    return load([write_labels(tmp_path_factory.mktemp("labels"))], NAME)


def test_every_list_is_in_the_part_of_its_number_with_its_picks_and_labels(data: LabelSet) -> None:
    numbers = np.arange(400)
    for part, lists in data.parts.items():
        expected = [draw(number) for number in numbers[part_of(numbers) == part].tolist()]
        assert len(lists) == len(expected)
        picks = lists.picks(torch.arange(len(lists))).numpy()
        for row, one in enumerate(expected):
            np.testing.assert_allclose(picks[row, : len(one)], np.stack([one.columns, one.y_m, one.quantities], 1))
            assert not picks[row, len(one) :].any()
        np.testing.assert_allclose(lists.base, [[plain_m(HALL, one)] for one in expected], rtol=1e-6)
        np.testing.assert_allclose(lists.value, [toil_s(HALL, one) for one in expected], rtol=1e-6)


def test_a_tenth_is_held_out_and_a_set_that_grows_moves_no_list_between_parts() -> None:
    parts = part_of(np.arange(1000))
    assert {part: int((parts == part).sum()) for part in ("train", "val", "test")} == {"train": 900, "val": 50, "test": 50}
    assert (part_of(np.arange(2000))[:1000] == parts).all()


def test_the_subject_says_what_is_estimated(data: LabelSet) -> None:
    assert (data.subject.ladder, data.subject.cart, data.subject.name, data.subject.label.unit) == (HALL, None, NAME, "s")
    assert data.subject.most_picks == 8
    assert data.subject.bases == (PLAIN,)


def test_a_time_along_the_tour_is_a_second_base_where_it_is_not_what_is_learnt(tmp_path: Path) -> None:
    folder = write_labels(tmp_path, 20, shard=20, also=True)
    lists = load([folder], NAME)
    assert lists.subject.bases == (PLAIN, ALONG)
    expected = [(plain_m(HALL, draw(number)), 2 * plain_m(HALL, draw(number))) for number in range(18)]
    np.testing.assert_allclose(lists.parts["train"].base, expected, rtol=1e-6)
    assert load([folder], ALONG).subject.bases == (PLAIN,)


def test_an_unfinished_folder_gives_the_shards_that_are_there_and_another_digest(tmp_path: Path, data: LabelSet) -> None:
    folder = write_labels(tmp_path)
    assert load([folder], NAME).digest == data.digest
    (folder / "lists-00003.parquet").unlink()
    part = load([folder], NAME)
    assert len(part.parts["train"]) == 270
    assert part.digest != data.digest


def test_two_folders_are_put_together(tmp_path: Path, data: LabelSet) -> None:
    both = load([write_labels(tmp_path / "a"), write_labels(tmp_path / "b", 60, shard=60)], NAME)
    train = both.parts["train"]
    assert len(train) == 360 + 54
    torch.testing.assert_close(train.picks(torch.arange(360, 414)), data.parts["train"].picks(torch.arange(54)))


def test_folders_of_different_warehouses_or_units_do_not_go_together(tmp_path: Path) -> None:
    one = write_labels(tmp_path / "one", 40, shard=40)
    with pytest.raises(InputError, match="is of another ladder than"):
        load([one, write_labels(tmp_path / "other", 40, regular_ladder(4, 3), shard=40)], NAME)
    with pytest.raises(InputError, match="is in min, in"):
        load([one, write_labels(tmp_path / "minutes", 40, shard=40, unit="min")], NAME)


def test_an_unknown_label_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--label cart_s: .* has no such label; it has {PLAIN}, {NAME}"):
        load([write_labels(tmp_path, 20, shard=20)], "cart_s")


@pytest.mark.parametrize("wrong", [0.0, -3.0, np.nan, np.inf])
def test_a_label_that_no_error_can_be_relative_to_is_told_with_its_list(tmp_path: Path, wrong: float) -> None:
    folder = write_labels(tmp_path, 20, shard=20)
    lists = packed([draw(number) for number in range(20)], 0, HALL)
    lists.labels[NAME][13] = wrong
    (folder / "lists-00000.parquet").write_bytes(shard_bytes(lists))
    with pytest.raises(InputError, match=f"{NAME} of list 13 is {wrong:g}"):
        load([folder], NAME)


def test_a_folder_that_is_none_of_labels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=SHEET):
        load([tmp_path], NAME)


ONE_WAY = Ways((1, 0, 0, 0, -1), (0, 0, 0))


@pytest.mark.parametrize(
    ("ladder", "symmetric"),
    [
        (HALL, True),
        (replace(HALL, start=Place(1, 0)), False),
        (replace(HALL, ends=(Place(0, 2), Place(4, 2))), True),
        (replace(HALL, ends=(Place(0, 2), Place(4, 1))), False),
        (replace(HALL, ends=(Place(0, 2), Place(4, 2, 1.0))), False),
        (replace(HALL, x_m=(0.0, 2.0, 4.5, 6.0, 9.0)), False),
        (replace(HALL, aisles=(True, True, False, True, False)), False),
        (replace(HALL, ways=ONE_WAY), False),
        (replace(HALL, ways=Ways((1, 0, 0, 0, 1), (0, 0, 0))), True),
        (replace(HALL, ways=Ways((0,) * 5, (1, 0, 0))), False),
    ],
)
def test_a_ladder_is_its_own_mirror_image_if_aisles_depots_and_ways_are(ladder: Ladder, symmetric: bool) -> None:
    assert mirror_of(ladder) == ([4, 3, 2, 1, 0] if symmetric else None)


def test_a_mirrored_list_has_the_same_label_in_a_symmetric_hall(data: LabelSet) -> None:
    lists = data.parts["train"]
    picks = lists.picks(torch.arange(20))
    flips = torch.arange(20) % 2 == 0
    turned = mirrored(picks, torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0]), flips)
    assert torch.equal(turned[1::2], picks[1::2])
    assert torch.equal(turned[::2, :, 1:], picks[::2, :, 1:])
    taken = picks[::2, :, 2] > 0
    assert torch.equal(turned[::2, :, 0][taken], 4 - picks[::2, :, 0][taken])
    again = mirrored(turned, torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0]), flips)
    assert torch.equal(again[..., 0][picks[..., 2] > 0], picks[..., 0][picks[..., 2] > 0])
