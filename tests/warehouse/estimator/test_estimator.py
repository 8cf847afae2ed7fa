"""Estimates of packed lists: a known formula in a real bundle, and everything that must be refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Ladder, PickList, Place, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from bintally.travel_time import TravelTimeManifest
from export.pack import pack as into_file
from tests.fakes import travel_time as fakes
from warehouse.estimator import Estimator, open_estimator
from warehouse.estimator import estimator as module
from warehouse.routing.cart.along import along_tours_s
from warehouse.routing.exact import optimal_length_m, pack

LADDER = regular_ladder(4, 3, depot=1)
CART = Cart()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimator") / "formula.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(LADDER, CART))
    return path


@pytest.fixture(scope="module")
def estimator(bundle: Path) -> Estimator:
    return open_estimator(bundle, threads=2)


def _drawn(lengths: list[int], seed: int = 0) -> list[PickList]:
    rng = np.random.default_rng(seed)
    return [uniform_list(rng, LADDER, length, most_items=9) for length in lengths]


def _quantities(lists: list[PickList]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int64), *(one.quantities for one in lists)])


def _formula(lists: list[PickList]) -> np.ndarray:
    """Value, spread and shortest tour of each list, by itself, float64 [3, n]."""
    rows = []
    for one in lists:
        base_m = optimal_length_m(LADDER, one)
        rows.append((*fakes.expected(one.columns, one.y_m, one.quantities, base_m), base_m))
    return np.array(rows).T


@pytest.mark.parametrize("threads", [1, 2])
def test_lists_of_any_length_are_estimated_as_the_formula_says(bundle: Path, threads: int) -> None:
    lists = _drawn(np.random.default_rng(1).integers(0, 9, 300).tolist())
    found = open_estimator(bundle, threads).values(pack(lists), _quantities(lists))
    np.testing.assert_allclose([found.value, found.spread, found.plain_m], _formula(lists), rtol=1e-6)
    assert {array.dtype for array in (found.value, found.spread, found.plain_m)} == {np.dtype(np.float64)}


def test_a_bundle_that_asks_for_it_is_given_the_time_along_the_tour(tmp_path: Path) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(LADDER, CART, ("plain_m", "along_s")))
    lists = _drawn(np.random.default_rng(4).integers(0, 9, 200).tolist())
    found = open_estimator(path, threads=2).values(pack(lists), _quantities(lists))
    along = along_tours_s(LADDER, replace(CART, pick_s=0.0), pack(lists), _quantities(lists))
    np.testing.assert_allclose(found.value, _formula(lists)[0] + fakes.TIMES[1] * along, rtol=1e-5)
    np.testing.assert_allclose(found.plain_m, _formula(lists)[2])


def test_answers_do_not_depend_on_threads_or_on_the_sequence(bundle: Path, estimator: Estimator) -> None:
    lists = _drawn(np.random.default_rng(2).integers(0, 30, 400).tolist())
    two, one = (each.values(pack(lists), _quantities(lists)).value for each in (estimator, open_estimator(bundle, 1)))
    assert two.tolist() == one.tolist()
    back = estimator.values(pack(lists[::-1]), _quantities(lists[::-1])).value
    np.testing.assert_allclose(back[::-1], two, rtol=1e-6)


def test_one_list_alone_is_estimated(estimator: Estimator) -> None:
    lists = _drawn([5])
    assert estimator.values(pack(lists), _quantities(lists)).value == pytest.approx(_formula(lists)[0])


def test_an_empty_list_takes_no_time(estimator: Estimator) -> None:
    lists = _drawn([0, 3, 0])
    found = estimator.values(pack(lists), _quantities(lists))
    assert found.value[[0, 2]].tolist() == found.spread[[0, 2]].tolist() == [0.0, 0.0]
    assert found.value[1] > 0
    assert not found.beyond.any()


@pytest.mark.parametrize("lists", [[], [0], [0, 0, 0]])
def test_nothing_to_estimate_is_no_error(estimator: Estimator, lists: list[int]) -> None:
    found = estimator.values(pack(_drawn(lists)), np.empty(0, np.int64))
    assert found.value.tolist() == [0.0] * len(lists)


def test_lists_longer_than_the_trained_ones_are_answered_but_told_apart(estimator: Estimator) -> None:
    lists = _drawn([fakes.MOST_PICKS, fakes.MOST_PICKS + 1, 100])
    found = estimator.values(pack(lists), _quantities(lists))
    assert found.beyond.tolist() == [False, True, True]
    np.testing.assert_allclose(found.value, _formula(lists)[0], rtol=1e-6)


def test_parts_hold_each_list_once_and_stay_within_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PICKS", 1000)
    lengths = np.random.default_rng(3).integers(0, 200, 2000)
    lengths[77] = 5000  # alone, since it cannot be smaller
    parts = list(module._parts(lengths))
    assert sorted(np.concatenate(parts).tolist()) == np.flatnonzero(lengths).tolist()
    assert parts[0].tolist() == [77]
    for part in parts[1:]:
        assert lengths[part].max() * len(part) <= 1000
        assert len(part) <= module.MOST_LISTS


def test_threads_may_share_an_estimator(estimator: Estimator) -> None:
    lists = _drawn(np.random.default_rng(4).integers(1, 9, 200).tolist())
    packed, quantities = pack(lists), _quantities(lists)
    alone = estimator.values(packed, quantities).value.tolist()
    with ThreadPoolExecutor(8) as pool:
        found = [one.value.tolist() for one in pool.map(lambda _: estimator.values(packed, quantities), range(40))]
    assert all(one == alone for one in found)


def test_a_place_outside_the_trained_ladder_is_refused(estimator: Estimator) -> None:
    wide = regular_ladder(9, 3, depot=1)
    lists = [uniform_list(np.random.default_rng(5), wide, 30)]
    with pytest.raises(InputError, match="outside this ladder of 4 columns"):
        estimator.values(pack(lists), _quantities(lists))


@pytest.mark.parametrize(
    ("quantities", "told"),
    [
        (np.array([1, 0, 1]), "pick 1: 0 items cannot be picked"),
        (np.array([1, 1, -3]), "pick 2: -3 items"),
        (np.array([1, 1]), "one for each of 3 picks"),
        (np.array([1.0, 2.0, 1.5]), "whole numbers"),
    ],
)
def test_quantities_that_are_none_are_refused(estimator: Estimator, quantities: np.ndarray, told: str) -> None:
    with pytest.raises(InputError, match=told):
        estimator.values(pack(_drawn([3])), quantities)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e9])
def test_answers_that_are_no_times_never_get_out(tmp_path: Path, number: float) -> None:
    """The golden lists are answered well, longer ones are not."""
    model = fakes.graph()
    last = next(node for node in model.graph.node if node.output[0] == "value")
    last.output[0] = "fine"
    model.graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(np.array(number, np.float32), "broken"),
            onnx.numpy_helper.from_array(np.array(4.5, np.float32), "most"),
        ]
    )
    model.graph.node.extend(
        [
            onnx.helper.make_node("Greater", ["count", "most"], ["many"]),
            onnx.helper.make_node("Where", ["many", "broken", "fine"], ["value"]),
        ]
    )
    path = tmp_path / "broken.onnx"
    path.write_bytes(into_file(model, TravelTimeManifest, fakes.manifest(LADDER, CART)))
    estimator, lists = open_estimator(path, 1), _drawn([0, 4, 5])
    with pytest.raises(InputError, match=r"broken\.onnx: gives .* for list 2 of 5 places, which is no travel time"):
        estimator.values(pack(lists), _quantities(lists))
    good = lists[:2]
    assert np.isfinite(estimator.values(pack(good), _quantities(good)).value).all()


def test_the_trained_warehouse_and_cart_fit(estimator: Estimator) -> None:
    estimator.check(LADDER, CART)
    estimator.check(LADDER, replace(CART, pick_s=60.0))  # no part of the label


OTHER_LADDERS: list[tuple[Ladder, str]] = [
    (regular_ladder(5, 3, depot=1), "4 aisles, not 5"),
    (regular_ladder(4, 4, depot=1), "3 cross aisles, not 4"),
    (regular_ladder(4, 3, depot=1, pitch_m=3.5), "column 1 at 3 m, not 3.5 m"),
    (regular_ladder(4, 3, depot=1, block_m=12.0), "cross aisle 1 at 16 m, not 12 m"),
    (regular_ladder(4, 3, depot=2), "the depot at column 1 of cross aisle 0, not column 2 of cross aisle 0"),
    (regular_ladder(4, 3, depot=1, end=Place(3, 2)), "drop-offs at column 1 of cross aisle 0, not column 3 of cross aisle 2"),
    (replace(LADDER, ways=Ways((1, -1, 1, -1), (0, 0, 0))), "other one-way rules"),
    (replace(LADDER, start=Place(1, 0, 5.0), ends=(Place(1, 0, 5.0),)), "not column 1 of cross aisle 0, 5 m away"),
    (
        replace(LADDER, x_m=(0.0, 1.0, 3.0, 6.0, 9.0), aisles=(True, False, True, True, True), ways=Ways((0,) * 5, (0,) * 3)),
        "aisles and depots stand in another order",
    ),
]


@pytest.mark.parametrize(("ladder", "told"), OTHER_LADDERS, ids=[told for _, told in OTHER_LADDERS])
def test_another_warehouse_is_refused_with_what_differs(estimator: Estimator, ladder: Ladder, told: str) -> None:
    with pytest.raises(InputError, match=r"formula\.onnx: trained for another warehouse or cart") as refused:
        estimator.check(ladder, CART)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("cart", "told"),
    [
        (replace(CART, walk_m_s=2.0), "walking speed 1.4 m/s, not 2"),
        (replace(CART, push_m_s=0.5), "pushing speed 0.7 m/s, not 0.5"),
        (replace(CART, hands=None), "hands for 6 items, not any number of"),
        (replace(CART, park_s=4.0), "3 s to park, not 4"),
        (replace(CART, in_aisles=False), "cart in aisles: yes, not no"),
        (None, "here comes none"),
    ],
)
def test_another_cart_is_refused_with_what_differs(estimator: Estimator, cart: Cart | None, told: str) -> None:
    with pytest.raises(InputError) as refused:
        estimator.check(LADDER, cart)
    assert told in str(refused.value)


@pytest.mark.parametrize("of_labels", [None, CART])
def test_a_label_without_a_cart_is_no_cart_time(tmp_path: Path, of_labels: Cart | None) -> None:
    """Labels of one folder may be a policy's length beside a cart's time."""
    path = tmp_path / "walk.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(LADDER, of_labels, label="s_shape_m"))
    open_estimator(path).check(LADDER, None)
    with pytest.raises(InputError, match="it estimates s_shape_m, and not how long a worker takes with a cart"):
        open_estimator(path).check(LADDER, CART)


def test_fewer_threads_than_none_are_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="-1 threads"):
        open_estimator(bundle, -1)


def test_a_counter_is_no_estimator(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match=r"grey\.onnx: this bundle counts what is in bins; here one is needed that estimates"):
        open_estimator(tiny_bundle)
