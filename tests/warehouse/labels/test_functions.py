"""Labels beside those of each list alone, by slower and plainer ways."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.labels import PLAIN
from bintally.layouts import Cart, Ladder, PickList, Shelf
from bintally.layouts.generate import regular_ladder
from tests.warehouse.labels.samples import CART, HALL, PLACES, job
from tests.warehouse.routing.cart.reference import brute_force_s
from warehouse.labels.batch import Batch
from warehouse.labels.draw import KINDS, Drawing
from warehouse.labels.functions import Values, function_named
from warehouse.labels.job import functions_of
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.exact import optimal_length_m
from warehouse.routing.policies import policy_tour

SAMPLES = "tests.warehouse.labels.samples"


def drawn(count: int, most_picks: int, ladder: Ladder = HALL, places: PickList = PLACES) -> Batch:
    return Batch(ladder, places, 100, Drawing(places, KINDS, most_picks, 5).lists(100, 100 + count))


def values(name: str, batch: Batch, cart: Cart = CART) -> Values:
    function = function_named(name, cart)
    found = function(batch)
    assert set(found) == set(function.labels)
    return found


def test_a_batch_gives_its_lists_with_their_numbers_and_names() -> None:
    batch = drawn(20, 9)
    for k, (number, picks) in enumerate(batch.lists()):
        assert number == 100 + k
        assert len(picks) == batch.packed().first[k + 1] - batch.packed().first[k]
        shelves = [Shelf(*one) for one in zip(picks.names, picks.columns, picks.blocks, picks.y_m, strict=True)]
        again = PickList.of(HALL, zip(shelves, picks.quantities, strict=True))
        assert again.names == picks.names
        assert np.array_equal(again.y_m, picks.y_m)
        assert picks.names[0].startswith("aisle ")


def test_plain_is_the_shortest_tour() -> None:
    batch = drawn(50, 50)
    assert values("plain", batch)[PLAIN].tolist() == [optimal_length_m(HALL, picks) for _, picks in batch.lists()]


@pytest.mark.parametrize("hands", [1, 3, None])
def test_the_carts_time_of_short_lists_is_that_of_trying_everything_without_the_picking(hands: int | None) -> None:
    ladder = regular_ladder(3, 3, depot=1)
    places = PickList.of(ladder, [(Shelf("", column, int(y > 16), y), 1) for column in range(3) for y in (2.0, 9.0, 15.0, 20.0, 31.0)])
    cart = dataclasses.replace(CART, hands=hands, pick_s=7.0)
    batch = drawn(12, 2, ladder, places)
    found = values("cart", batch, cart)
    free = dataclasses.replace(cart, pick_s=0.0)
    few = [k for k, (_, picks) in enumerate(batch.lists()) if picks.quantities.sum() <= 4]
    assert len(few) > 5
    lists = [picks for _, picks in batch.lists()]
    assert found["cart_s"][few] == pytest.approx([brute_force_s(ladder, lists[k], free) for k in few])
    assert set(found["cart_proven"]) == {1.0}


def test_the_carts_time_of_longer_lists_is_near_the_best_and_not_called_proven() -> None:
    batch = drawn(160, 13)
    found = values("cart", batch)
    longer = [(k, picks) for k, (_, picks) in enumerate(batch.lists()) if len(picks) >= 12][:25]
    best = np.array([solve_exact(cart_problem(HALL, picks, CART)).time_s - CART.pick_s * len(picks) for _, picks in longer])
    gaps = found["cart_s"][[k for k, _ in longer]] / best - 1
    assert gaps.min() > -1e-9
    assert (found["along_s"] >= found["cart_s"] * (1 - 1e-5)).all()
    assert gaps.mean() < 0.0005
    sizes = np.diff(batch.drawn.first)
    assert np.array_equal(found["cart_proven"] == 1.0, sizes <= 11)


@pytest.mark.parametrize("policy", ["s-shape", "largest-gap"])
def test_a_policys_label_is_its_tours_length(policy: str) -> None:
    batch = drawn(10, 20)
    found = values(policy, batch)
    assert found[policy.replace("-", "_") + "_m"].tolist() == [policy_tour(HALL, picks, policy).length_m for _, picks in batch.lists()]


def test_anybodys_function_is_called_with_ladder_and_list() -> None:
    batch = drawn(10, 20)
    function = function_named(f"{SAMPLES}:weight_s", CART)
    assert function(batch)["weight_s"].tolist() == [float(picks.quantities.sum()) for _, picks in batch.lists()]
    (label,) = function.labels.values()
    assert (label.unit, label.about) == ("s", f"{SAMPLES}:weight_s: items that are carried")


def test_a_function_of_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_here_for_labels.py").write_text("def places(ladder, picks):\n    return len(picks)\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    batch = drawn(3, 5)
    assert values("made_here_for_labels:places", batch)["places"].tolist() == [len(picks) for _, picks in batch.lists()]


def test_waiting_for_others_makes_the_example_of_congestion_longer_than_walking_and_picking() -> None:
    batch = drawn(10, 20)
    found = values("warehouse.labels.congestion:congested_s", batch)["congested_s"]
    for value, (_, picks) in zip(found, batch.lists(), strict=True):
        alone_s = policy_tour(HALL, picks, "s-shape").length_m / 1.4 + 5 * len(picks)
        # five others, ten aisles: an aisle is busy a third of the time, and the wait a quarter of what is done in it
        visits = len(set(picks.columns.tolist()))
        assert value == pytest.approx(alone_s + 0.25 * (visits * HALL.y_m[-1] / 1.4 + 5 * len(picks)))


@pytest.mark.parametrize(
    ("name", "told"), [("failing_m", "raised RuntimeError: four is too many"), ("endless", "gave inf, which is no label")]
)
def test_a_function_that_fails_is_told_with_the_lists_number(name: str, told: str) -> None:
    batch = drawn(30, 6)
    first = next(number for number, picks in batch.lists() if len(picks) == 4)
    with pytest.raises(InputError, match=f"list {first}: {SAMPLES}:{name} {told}.*same command again"):
        values(f"{SAMPLES}:{name}", batch)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("s-shap", "did you mean 's-shape'"),
        ("?", "known are cart, plain, s-shape"),
        ("no_such_module:f", "cannot be imported .ModuleNotFoundError"),
        (f"{SAMPLES}:nothing", "cannot be imported .AttributeError"),
        (f"{SAMPLES}:NO_NUMBER", "is no function but str"),
    ],
)
def test_a_function_that_is_none_is_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        function_named(name, CART)


def test_two_labels_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two functions have the same name"):
        functions_of([f"{SAMPLES}:plain_m"], CART)


def test_the_shortest_tour_is_always_a_label_and_each_function_asked_for_once() -> None:
    names = [list(function.labels) for function in functions_of(["s-shape", "plain", "s-shape", "cart"], CART)]
    assert names == [[PLAIN], ["s_shape_m"], ["cart_s", "along_s", "cart_proven"]]


def test_shards_make_up_the_whole() -> None:
    """Each list is the same, labels and all, in whichever shard it is."""
    whole, parts = job("s-shape").labelled(0, 25), [job("s-shape").labelled(0, 10), job("s-shape").labelled(10, 25)]
    for name in ("numbers", "kinds", "columns", "blocks", "y_m", "quantities"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    for label, found in whole.labels.items():
        assert np.array_equal(found, np.concatenate([part.labels[label] for part in parts]))
