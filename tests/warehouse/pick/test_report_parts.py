"""What the report's tables and figures are made from: splits, errors, records of runs, and the page itself."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.files import write_atomically
from bintally.labels import SHEET
from bintally.layouts import Cart, PickList, Shelf
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.fakes.travel_time import expected, formula_bundle_bytes
from tests.warehouse.labels.samples import HALL, PLACES, job
from tests.warehouse.routing.cart.reference import brute_force_s
from warehouse.estimator import Estimator, open_estimator
from warehouse.labels.job import sheet_of
from warehouse.pick.bench.estimator import FRESH, Scores, draw_from
from warehouse.pick.report.errors import on_fresh, on_held_out
from warehouse.pick.report.page import Picture, Section, Table, page
from warehouse.pick.report.plots import Histogram
from warehouse.pick.report.sections import table_1
from warehouse.pick.report.splits import Splits, all_splits, draw_splits
from warehouse.pick.report.training import METRICS, Training, trainings
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.search import solve_search
from warehouse.routing.exact import optimal_length_m

CART = Cart(pick_s=0.0, hands=2)
EPOCH = {"epoch": 1, "error": 0.02, "seconds": 3.0, "lists": 1000, "device": "CPU, 2 threads"}


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Estimator:
    path = tmp_path_factory.mktemp("bundle") / "formula.onnx"
    path.write_bytes(formula_bundle_bytes(HALL, Cart()))
    return open_estimator(path, threads=1)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 lists in shards of 25, so that those for testing lie in all three."""
    folder, labelled = tmp_path_factory.mktemp("labels"), job("cart", lists=60, shard=25, most_picks=4)
    sheet = sheet_of(labelled, Cart())
    write_atomically(folder / SHEET, sheet.model_dump_json(by_alias=True))
    for number, name in enumerate(sheet.shards()):
        write_atomically(folder / name, labelled.shard_bytes(number))
    return folder


def test_ten_orders_have_126_splits_and_each_is_there_once() -> None:
    splits = all_splits(10)
    assert len({frozenset(split) for split in splits}) == len(splits) == 126
    for one, other in splits:
        assert (len(one), len(other)) == (5, 5)
        assert sorted(one + other) == list(range(10))


def _split() -> Splits:
    ladder = regular_ladder(3, 2, block_m=6.0)
    return draw_splits(ladder, uniform_list(np.random.default_rng(2), ladder, 12), CART, seed=4, orders=4)


def test_all_splits_are_timed_as_trying_everything_times_them() -> None:
    found = _split()
    problem = found.problem
    totals = []
    for split in found.splits:
        times = []
        for orders in split:
            lines = [line for order in orders for line in range(problem.first[order], problem.first[order + 1])]
            at = [problem.places[line] for line in lines]
            shelves = [
                Shelf(str(place), int(problem.columns[place]), int(problem.blocks[place]), float(problem.y_m[place])) for place in at
            ]
            times.append(brute_force_s(problem.ladder, PickList.of(problem.ladder, [(shelf, 1) for shelf in shelves]), CART))
        totals.append(sum(times))
    assert len(totals) == 3
    assert found.totals_s == pytest.approx(totals)
    assert totals[found.best] == pytest.approx(min(totals))


def test_the_lists_that_are_drawn_are_those_that_were_timed() -> None:
    found = _split()
    for number, split in enumerate(found.splits):
        drawn = found.lists(number)
        assert [schedule.time_s for _, _, schedule in drawn] == pytest.approx(found.times_s[number])
        assert [title for title, _, _ in drawn] == [
            f"List {index}: orders {', '.join(str(order + 1) for order in orders)}" for index, orders in enumerate(split, 1)
        ]
        assert all(schedule.proven_optimal for _, _, schedule in drawn)


def test_errors_are_those_of_the_labelled_lists_that_nobody_learnt_from(labels: Path, estimator: Estimator) -> None:
    labelled = job("cart", lists=60, shard=25, most_picks=4).labelled(0, 60)
    errors = []
    for number in (19, 39, 59):
        row = slice(int(labelled.first[number]), int(labelled.first[number + 1]))
        picks = PickList.of(HALL, _shelves(labelled, row))
        value, _ = expected(picks.columns, picks.y_m, picks.quantities, optimal_length_m(HALL, picks))
        errors.append(value / labelled.labels["cart_s"][number] - 1)
    assert on_held_out(labels, estimator, 100).signed == pytest.approx(errors, rel=1e-4)
    assert on_held_out(labels, estimator, 2).signed == pytest.approx(errors[:2], rel=1e-4)


def _shelves(labelled: Any, row: slice) -> list[tuple[Shelf, int]]:
    places = zip(*(getattr(labelled, name)[row].tolist() for name in ("columns", "blocks", "y_m", "quantities")), strict=True)
    return [(Shelf(f"{column}/{y_m}", column, block, y_m), quantity) for column, block, y_m, quantity in places]


def test_labels_that_cannot_judge_this_estimator_are_refused(tmp_path: Path, estimator: Estimator) -> None:
    def folder(name: str, **changed: Any) -> Path:
        out = tmp_path / name
        out.mkdir()
        sheet = sheet_of(job("cart", lists=15, shard=25, most_picks=4), Cart())
        write_atomically(out / SHEET, sheet.model_copy(update=changed).model_dump_json(by_alias=True))
        return out

    with pytest.raises(InputError, match="hands for 6 items, not 2"):
        on_held_out(folder("cart", cart=CART), estimator, 9)
    with pytest.raises(InputError, match="10 aisles, not 3"):
        on_held_out(folder("ladder", ladder=regular_ladder(3, 2)), estimator, 9)
    with pytest.raises(InputError, match="has no label cart_s"):
        on_held_out(folder("label", labels={}), estimator, 9)
    with pytest.raises(InputError, match="no shard is complete"):
        on_held_out(folder("empty"), estimator, 9)
    few = folder("few")
    write_atomically(few / "lists-00000.parquet", job("cart", lists=15, shard=25, most_picks=4).shard_bytes(0))
    with pytest.raises(InputError, match="no lists for testing"):
        on_held_out(few, estimator, 9)


def test_fresh_lists_are_none_that_could_have_been_learnt_from_and_are_calculated(estimator: Estimator) -> None:
    numbers: list[int] = []
    draw = draw_from(estimator, HALL, PLACES, seed=0)

    def noted(start: int, end: int) -> Any:
        numbers.extend(range(start, end))
        return draw(start, end)

    found = on_fresh(noted, estimator, replace(Cart(), pick_s=0.0), 23, seed=0)
    assert sorted(numbers) == list(range(FRESH, FRESH + 23))
    for signed, (_, picks) in zip(found.signed, draw(FRESH, FRESH + 23).lists(), strict=True):
        value, _ = expected(picks.columns, picks.y_m, picks.quantities, optimal_length_m(HALL, picks))
        best_s = solve_search(cart_problem(HALL, picks, Cart(pick_s=0.0)), iterations=2000).time_s
        assert signed == pytest.approx(value / best_s - 1, abs=0.01)


def test_a_histogram_counts_every_list_once_and_tells_what_lies_beyond() -> None:
    signed = np.random.default_rng(0).normal(0.001, 0.01, 1000)
    found = Histogram.of(signed)
    assert found.counts.sum() + found.outside == 1000
    assert 1 <= found.outside <= 10
    for low, high, count in zip(found.edges[:5], found.edges[1:6], found.counts, strict=False):
        assert count == sum(low <= one < high for one in signed)
    assert Histogram.of(np.zeros(5)).counts.sum() == 5


def test_scores_are_those_of_a_plain_formula() -> None:
    found = Scores.of(np.array([0.01, -0.03, 0.02, 0.0]))
    assert found.lists == 4
    assert [found.error, found.worst, found.bias] == pytest.approx([0.015, 0.03, 0.0])


def _run(folder: Path, *epochs: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / METRICS).write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    return folder


def test_training_times_are_added_up_for_each_device(tmp_path: Path) -> None:
    on_gpu = EPOCH | {"device": "NVIDIA H200", "seconds": 0.5, "error": 0.01}
    found = trainings(_run(tmp_path / "hall", EPOCH, EPOCH, on_gpu))
    assert found == [Training("hall", "CPU, 2 threads", 2, 2000, 6.0, 0.01), Training("hall", "NVIDIA H200", 1, 1000, 0.5, 0.01)]
    assert [one.million_s for one in found] == [3000.0, 500.0]
    assert [one.on_gpu for one in found] == [False, True]


def test_the_table_says_what_no_run_was_made_on(tmp_path: Path) -> None:
    on_gpu = EPOCH | {"device": "NVIDIA H200"}
    assert "None of them was on a GPU" in table_1(trainings(_run(tmp_path / "a", EPOCH))).text
    assert "None of them was on a processor" in table_1(trainings(_run(tmp_path / "b", on_gpu))).text
    assert "None" not in table_1(trainings(_run(tmp_path / "c", EPOCH, on_gpu))).text
    assert table_1([]).left_out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no epoch is done yet"),
        (json.dumps({"epoch": 1, "error": 0.02}) + "\n", "line 1 does not tell"),
        (json.dumps(EPOCH) + "\n" + json.dumps(EPOCH | {"seconds": float("nan")}) + "\n", "line 2 does not tell"),
        (json.dumps(EPOCH | {"lists": 0}) + "\n", "line 1 does not tell"),
        ("[1]\n", "line 1 does not tell"),
        ('{"epoch": 1', "line 1 does not tell"),
    ],
)
def test_records_that_tell_no_times_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / METRICS).write_text(text)
    with pytest.raises(InputError, match=says):
        trainings(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        trainings(tmp_path / "nowhere")


def test_the_page_needs_nothing_beside_itself_and_shows_texts_as_they_are() -> None:
    table = Table("a < b", ("x", "y"), [("1", "<script>"), ("seed system", "3")], theirs=[1])
    text = page(
        "T & C", ["about"], [Section("One", "text", [table], [Picture(b"<svg/>", 'the "figure"')]), Section("Two", "no run", left_out=True)]
    )
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "T &amp; C" in text
    assert set(re.findall(r'src="([^:]*):', text)) == {"data"}
    assert not re.search(r"(href|src)=\"http|url\(", text)
    assert text.index("theirs") < text.index('<tr class="theirs"><td>seed system')
    assert '<p class="left">no run</p>' in text
    assert list(itertools.pairwise(re.findall("<h2>(.*?)</h2>", text))) == [("One", "Two")]
