"""Baselines, beside the formulas that they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.travel_time.labels import HALL, NAME, write_labels
from trainer.travel_time import baselines as module
from trainer.travel_time.baselines import baselines
from trainer.travel_time.features import Features
from trainer.travel_time.lists import LabelSet, Lists, load
from trainer.travel_time.scores import scores


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    return load([write_labels(tmp_path_factory.mktemp("labels"), 500, shard=500)], NAME)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TREES", 20)


def arrays(lists: Lists) -> tuple[np.ndarray, np.ndarray]:
    return lists.base[:, 0].double().numpy(), lists.value.double().numpy()


def test_each_is_its_formula(data: LabelSet) -> None:
    train, test = data.parts["train"], data.parts["test"]
    found = baselines(Features(HALL, 1.0), train, test)
    (base, value), (test_base, test_value) = arrays(train), arrays(test)
    np.testing.assert_allclose(found["shortest tour × constant"], test_base * np.median(value / base))
    # the least squares of the relative error by their normal equations, with weights 1 / value²
    w, x = 1 / value**2, base
    a = np.array([[w.sum(), (w * x).sum()], [(w * x).sum(), (w * x * x).sum()]])
    cut, slope = np.linalg.solve(a, [(w * value).sum(), (w * x * value).sum()])
    np.testing.assert_allclose(found["regression on the shortest tour"], cut + slope * test_base)
    errors = {name: scores(estimated, test_value)["error"] for name, estimated in found.items()}
    assert errors["regression on simple features"] < 1e-5  # the label is a sum of them: tour, items, sub-aisles
    assert errors["gradient boosting"] < errors["shortest tour × constant"]


def test_a_second_base_makes_a_regression_more(tmp_path: Path) -> None:
    twice = load([write_labels(tmp_path, 200, shard=200, also=True)], NAME)
    found = baselines(Features(HALL, 1.0), twice.parts["train"], twice.parts["test"])
    np.testing.assert_allclose(
        found["regression on the time along it, too"], found["regression on the shortest tour"]
    )  # it is twice the tour


def test_the_boosted_trees_are_the_same_again(data: LabelSet) -> None:
    one, other = (baselines(Features(HALL, 1.0), data.parts["train"], data.parts["val"], seed=3) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)


def test_a_growing_set_gives_the_same_table_in_chunks(data: LabelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = baselines(Features(HALL, 1.0), data.parts["train"], data.parts["val"])
    monkeypatch.setattr("trainer.travel_time.lists._CHUNK", 7)
    for name, estimated in baselines(Features(HALL, 1.0), data.parts["train"], data.parts["val"]).items():
        np.testing.assert_allclose(estimated, whole[name], rtol=1e-6)
