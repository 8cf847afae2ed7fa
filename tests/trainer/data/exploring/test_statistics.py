"""Statistics of a data set, beside plain formulas, and lists of labels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.errors import InputError
from trainer.data.dataset import DataSet, Example
from trainer.data.exploring.looks import Look, look
from trainer.data.exploring.statistics import (
    CLASS_NAMES,
    PARTS,
    always,
    balance,
    check_list,
    class_of,
    find,
    majority,
    miscounted,
    sharing,
    suspects,
)
from trainer.data.exploring.summary import notes, summary
from trainer.data.exploring.twins import find_twins
from trainer.data.label_list import LabelList, parse_list, read_list
from trainer.data.split import Part


def example(image_id: str, quantity: int = 1, group: str | None = None, part: Part = "train", **more: Any) -> Example:
    return Example(image_id, f"/nowhere/{image_id}.jpg", quantity, group or image_id, part, **more)


def grey(brightness: int = 90, digest: str = "") -> Look:
    return Look(4, 4, brightness, 0, digest or str(brightness))


def set_of(*examples: Example) -> DataSet:
    return DataSet("here", 1, examples, ())


def texts(data: DataSet, looks: dict[str, Look] | None = None) -> list[str]:
    shown = {one.image_id: grey(number) for number, one in enumerate(data.examples)} if looks is None else looks
    return [note.text for note in notes(summary(find(data, shown)))]


@given(st.lists(st.integers(0, 90)))
def test_the_balance_is_that_of_plain_formulas(quantities: list[int]) -> None:
    found = balance(quantities)
    shares = [share for k in range(7) if (share := np.mean(np.minimum(quantities, 6) == k) if quantities else 0)]
    assert found.images == len(quantities)
    assert found.counts == tuple(sum(class_of(quantity) == k for quantity in quantities) for k in range(7))
    assert (found.ratio is None, found.effective is None) == (not quantities, not quantities)
    if quantities:
        assert found.ratio == pytest.approx(max(shares) / min(shares))
        assert found.effective == pytest.approx(math.prod(share**-share for share in shares))
        assert len(found.empty) == 7 - len(shares)


def test_equal_classes_are_as_many_effective_ones() -> None:
    assert balance([0, 1, 2, 3, 4, 5, 6, 70, 0, 1, 2, 3, 4, 5]).effective == pytest.approx(7)
    assert balance([2, 2, 2]).effective == pytest.approx(1)


def test_one_answer_for_all_is_scored_over_at_most_five_items() -> None:
    scored = always(3, [3, 3, 5, 2, 60])
    assert scored is not None
    assert (scored.images, scored.accuracy) == (4, 0.5)
    assert scored.rmse == pytest.approx(math.sqrt(5 / 4))
    assert always(3, [6, 7]) is None
    assert always(None, [3]) is None


def test_the_majority_leaves_the_open_class_out() -> None:
    assert majority([6, 6, 7, 60, 2, 2, 1]) == 2
    assert majority([4, 1, 1, 4]) == 1
    assert majority([6]) is None


def test_the_answer_is_learnt_from_the_training_part_alone() -> None:
    data = set_of(example("1", 2), example("2", 4, part="test"), example("3", 4, part="test"), example("4", 2, part="val"))
    parts = summary(find(data, {}))["parts"]
    assert [parts[part]["always"]["answer"] for part in PARTS] == [2, 2, 2]
    assert [parts[part]["always"]["accuracy"] for part in PARTS] == [1, 1, 0]


def test_neighbours_that_share_an_article_are_twins() -> None:
    found = find_twins([example("00004", 7, "a"), example("00001", 2, "a"), example("00002", 5, "a"), example("00003", 1, "b")])
    assert [(pair.one.image_id, pair.other.image_id, pair.difference) for pair in found] == [("00001", "00002", 3), ("00002", "00004", 2)]


def test_ids_that_are_no_neighbours_are_no_twins() -> None:
    assert find_twins([example("1", group="a"), example("4", group="a"), example("bin", group="a"), example("04", group="a")]) == []


def test_every_pair_of_near_ids_is_found_as_by_comparing_all() -> None:
    rng = np.random.default_rng(4)
    numbers = rng.choice(60, 40, replace=False)
    examples = [example(f"{number:05}", group=str(rng.integers(3))) for number in numbers]
    pairs = {(one.image_id, other.image_id) for one in examples for other in examples if 1 <= int(other.image_id) - int(one.image_id) <= 2}
    groups = {one.image_id: one.group for one in examples}
    assert {(p.one.image_id, p.other.image_id) for p in find_twins(examples)} == {(a, b) for a, b in pairs if groups[a] == groups[b]}


def test_a_leak_is_named_with_the_offending_pair() -> None:
    data = set_of(example("1", group="a"), example("2", group="a", part="test"), example("3"), example("4", part="val"))
    found = find(data, {"1": grey(1), "2": grey(2), "3": grey(3), "4": grey(3)})
    ids = {kind: [(one.image_id, other.image_id) for one, other in pairs] for kind, pairs in found.leaks.items()}
    assert ids == {"group": [("1", "2")], "picture": [("3", "4")], "twin": [("1", "2")]}
    assert any("leaks" in text for text in texts(data))


def test_parts_without_a_leak_are_said_to_have_none() -> None:
    data = set_of(example("1", group="a"), example("2", group="a"), example("3", part="test"))
    assert "the parts share no group of related images, no picture and no twins" in texts(data)


def test_one_pair_is_named_for_each_two_parts_that_share_a_group() -> None:
    three = [example(str(i), group="a", part=part) for i, part in enumerate(("train", "train", "val", "test", "test"))]  # type: ignore[arg-type]
    assert [(a.image_id, b.image_id) for a, b in sharing(three, lambda one: one.group, lambda one: one.part)] == [
        ("0", "2"),
        ("0", "3"),
        ("2", "3"),
    ]


def test_the_same_picture_with_two_labels_is_found() -> None:
    data = set_of(example("1", 2), example("2", 3), example("3", 2))
    looks = {"1": grey(9), "2": grey(9), "3": grey(9)}
    assert [(a.image_id, b.image_id) for a, b in find(data, looks).relabelled] == [("1", "2")]
    assert any("same picture" in text for text in texts(data, looks))


def test_quantities_against_the_item_list_come_with_the_largest_difference_first() -> None:
    found = miscounted([example("1", 2, listed=3), example("2", 2, listed=2), example("3", 9, listed=1), example("4", 5)])
    assert [one.image_id for one in found] == ["3", "1"]


def test_labels_are_ranked_by_the_probability_that_the_model_gives_them() -> None:
    rng = np.random.default_rng(2)
    examples = [example(str(i), int(rng.integers(0, 12))) for i in range(40)]
    probabilities = rng.dirichlet(np.ones(7), 40)
    ranked = suspects(examples, probabilities)
    given = {one.image_id: row[min(one.quantity, 6)] for one, row in zip(examples, probabilities, strict=True)}
    assert [one.probability for one in ranked] == sorted(given.values())
    assert all(given[one.example.image_id] == one.probability for one in ranked)
    best = {one.image_id: CLASS_NAMES[row.argmax()] for one, row in zip(examples, probabilities, strict=True)}
    assert all(best[one.example.image_id] == one.answer for one in ranked)


def test_an_empty_class_is_warned_of_where_it_is_empty() -> None:
    full = [example(str(k), k, part="train") for k in range(7)]
    found = texts(set_of(*full[:5], full[6], example("v", 0, part="val")))
    assert "no image with 5 items in the whole set" in found
    assert "no image with 1 or 2 or 3 or 4 or 6+ items in the validation part" in found
    assert "the test part holds no image" in found
    assert not any("training part" in text for text in found)


def test_the_look_of_a_frame_is_its_luma() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (7, 5, 3), np.uint8)
    luma = frame @ np.array((0.114, 0.587, 0.299))
    found = look(frame)
    assert (found.width_px, found.height_px) == (5, 7)
    assert found.brightness == pytest.approx(luma.mean(), abs=0.5)
    assert found.contrast == pytest.approx(luma.std(), abs=0.5)


def test_pictures_of_other_sizes_are_other_pictures() -> None:
    assert look(np.zeros((2, 8, 3), np.uint8)).digest != look(np.zeros((4, 4, 3), np.uint8)).digest


def test_both_forms_of_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "capstone.json").write_text('{"1": ["data/metadata/00007.json"], "12": ["data/metadata/100313.json", "x/1000.json"]}')
    assert read_list(tmp_path / "capstone.json").labels == {"00007": 1, "100313": 12, "1000": 12}
    (tmp_path / "challenge.json").write_text("[[4, 4], [535233, 3], [12, 0]]")
    assert read_list(tmp_path / "challenge.json").labels == {"00005": 4, "535234": 3, "00013": 0}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "not a readable JSON"),
        ('{"1": ["a"', "not a readable JSON"),
        ("[" * 100_000, "not a readable JSON"),
        ("3", "no list of labels"),
        ("null", "no list of labels"),
        ("{}", "names no image"),
        ("[]", "names no image"),
        ('{"1": []}', "names no image"),
        ('{"one": ["a"]}', "'one' is no count"),
        ('{"-1": ["a"]}', "'-1' is no count"),
        ('{"²": ["a"]}', "is no count"),
        ('{"1": "a"}', "list of paths"),
        ('{"1": [3]}', "list of paths"),
        ('{"1": [""]}', "list of paths"),
        ("[[1, 2], [3]]", "entry 1"),
        ("[[1, 2], [3, -1]]", "entry 1"),
        ("[[1, true]]", "entry 0"),
        ("[[1, 2.5]]", "entry 0"),
        ("[3]", "entry 0"),
        ('{"1": ["a/7.json"], "2": ["b/7.json"]}', "7 is named twice, as 1 and as 2"),
        ("[[1, 2], [1, 3]]", "00002 is named twice, as 2 and as 3"),
    ],
)
def test_a_damaged_list_is_refused_with_the_place(tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(InputError, match=word) as refused:
        read_list(tmp_path / "list.json")
    assert "list.json" in str(refused.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_list(tmp_path / "list.json")


def test_a_list_is_compared_by_ids_as_they_are_written() -> None:
    listed = LabelList("list", parse_list({"1": ["01000.json", "2.json"], "5": ["1000.json", "4.json"]}, "list"))
    checked = check_list(listed, [example("01000", 1), example("4", 3), example("3", 3)])
    assert [one.image_id for one in checked.present] == ["01000", "4"]
    assert checked.absent == ("1000", "2")
    assert [one.image_id for one in checked.differing] == ["4"]
    assert checked.spellings == (("01000", "1000"),)


def test_the_lists_distribution_counts_its_own_labels() -> None:
    listed = LabelList("list", parse_list({str(k): [f"{k}-{i}.json" for i in range(10 * k)] for k in range(1, 6)}, "list"))
    found = summary(find(set_of(example("1-0", 4)), {}, listed=listed))["list"]
    assert found["classes"] == {"0": 0, "1": 10, "2": 20, "3": 30, "4": 40, "5": 50, "6+": 0}
    assert found["shares"]["5"] == pytest.approx(1 / 3)
    assert (found["here"]["images"], found["here"]["classes"]["1"], found["absent"]["images"]) == (1, 1, 149)
    assert found["differing"] == [{"image_id": "1-0", "part": "train", "quantity": 4, "list_says": 1}]


def test_the_summary_is_json() -> None:
    data = set_of(*[example(str(k), k, articles=k, listed=k) for k in range(9)])
    looks = {one.image_id: grey(int(one.image_id)) for one in data.examples}
    judged = suspects(data.examples, np.full((9, 7), 1 / 7))
    found = summary(find(data, looks, (), judged, LabelList("list", {"1": 1})))
    assert json.loads(json.dumps(found, allow_nan=False))["images"] == 9
